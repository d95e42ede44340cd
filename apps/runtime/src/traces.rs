//! Traces, sent by OTLP over HTTP to where `OTEL_EXPORTER_OTLP_ENDPOINT` says; the other `OTEL_`
//! variables (headers, sampler, batches, resource) mean what OpenTelemetry says they mean.

use std::cell::Cell;
use std::sync::OnceLock;

use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{TraceContextExt, TracerProvider};
use opentelemetry::{Context, ContextGuard};
use opentelemetry_otlp::{ExporterBuildError, Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use soma_core::spans;
use soma_core::trace::TraceContext;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::Context as Scope;
use tracing_subscriber::registry::LookupSpan;

use crate::config::process_env;

const NAME: &str = "soma";

static PROVIDER: OnceLock<SdkTracerProvider> = OnceLock::new();

thread_local! {
    /// The parent of the span that is being begun.
    static PARENT: Cell<Option<ContextGuard>> = const { Cell::new(None) };
}

/// What collects the spans of a service; nothing if the environment does not say where they go. Not to be called in a
/// runtime: what sends them has a thread of its own, and waits.
pub(crate) fn layer<S>(service: &str) -> Result<Option<impl Layer<S>>, ExporterBuildError>
where
    S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
{
    if !is_wanted() {
        return Ok(None);
    }
    // An error says that there is a provider already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let exporter = SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary);
    let mut resource = Resource::builder();
    if process_env("OTEL_SERVICE_NAME").is_none() {
        resource = resource.with_service_name(service.to_owned());
    }
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter.build()?)
        .with_resource(resource.build())
        .build();
    let traces = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer(NAME))
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false);
    // A second one has no spans.
    let _ = PROVIDER.set(provider);
    spans::collected_by(current);
    let only_spans = Targets::new().with_target(spans::TARGET, LevelFilter::INFO);
    Ok(Some(Begin.and_then(traces).and_then(Begun).with_filter(only_spans)))
}

fn is_wanted() -> bool {
    let is = |name: &str, value: &str| process_env(name).is_some_and(|text| text == value);
    let given = |name: &str| process_env(name).is_some_and(|text| !text.is_empty());
    let endpoint =
        given("OTEL_EXPORTER_OTLP_ENDPOINT") || given("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
    endpoint && !is("OTEL_SDK_DISABLED", "true") && !is("OTEL_TRACES_EXPORTER", "none")
}

/// Sends what was collected last. Not to be called in a runtime.
pub(crate) fn end() {
    if let Some(Err(error)) = PROVIDER.get().map(SdkTracerProvider::shutdown) {
        tracing::warn!(%error, "the last spans were not sent");
    }
}

/// The span that this is called in.
fn current() -> Option<TraceContext> {
    let context = Span::current().context();
    if !context.span().span_context().is_valid() {
        return None;
    }
    let mut headers = std::collections::HashMap::new();
    TraceContextPropagator::new().inject_context(&context, &mut headers);
    TraceContext::read(headers.get("traceparent")?, headers.get("tracestate").map(String::as_str))
}

/// Takes a span that goes on with a trace of elsewhere for a child of that: the layer that it is
/// handed to next asks the current context.
struct Begin;

impl<S> Layer<S> for Begin
where
    S: Subscriber,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Scope<'_, S>) {
        let mut parent = Parent::default();
        attributes.record(&mut parent);
        PARENT.set(parent.context().map(Context::attach));
    }
}

/// The span has begun.
struct Begun;

impl<S> Layer<S> for Begun
where
    S: Subscriber,
{
    fn on_new_span(&self, _: &Attributes<'_>, _: &Id, _: Scope<'_, S>) {
        PARENT.take();
    }
}

/// The fields by which a span goes on with a trace.
#[derive(Default)]
struct Parent(std::collections::HashMap<String, String>);

impl Parent {
    fn context(&self) -> Option<Context> {
        let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &self.0);
        context.span().span_context().is_valid().then_some(context)
    }
}

impl Visit for Parent {
    fn record_str(&mut self, field: &Field, value: &str) {
        if matches!(field.name(), "traceparent" | "tracestate") {
            self.0.insert(field.name().to_owned(), value.to_owned());
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}
