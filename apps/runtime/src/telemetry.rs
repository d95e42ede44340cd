//! Logs and metrics.

use std::io::{self, IsTerminal};
use std::panic::{self, PanicHookInfo};
use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use opentelemetry_otlp::ExporterBuildError;
use soma_core::flows::stop::Stop;
use soma_core::ports::Timer;
use soma_core::spans;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use crate::traces;

/// The bounds of durations, in seconds: from a cached answer to a slow model.
const SECONDS: &[f64] = &[
    0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0,
];

/// How often samples are folded when nobody asks for them.
const UPKEEP: Duration = Duration::from_secs(5);

/// Why telemetry could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// Something in this process logs already.
    #[error("logs are set up already")]
    Logs(#[source] TryInitError),
    /// Something in this process measures already.
    #[error("metrics are set up already")]
    Metrics(#[source] BuildError),
    /// Traces cannot be sent as the environment says.
    #[error("traces cannot be sent: see to the OTEL_ variables")]
    Traces(#[source] ExporterBuildError),
}

/// Where logs go, and in which form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logs {
    /// One JSON object a line on standard output, for a machine.
    Json,
    /// Text on standard error, for a person: standard output is for answers.
    Text,
}

impl Logs {
    /// The form for a service: text if a person looks at standard output, else JSON.
    pub fn of_service() -> Self {
        if io::stdout().is_terminal() { Self::Text } else { Self::Json }
    }
}

/// Sets up logs, metrics, the log of panics, and traces if the environment says where they go, once per
/// process. `service` is what traces name as their origin. What is traced last leaves when [`block_on`](crate::block_on) ends.
///
/// # Errors
///
/// [`TelemetryError`] if they are set up already.
pub fn init(filter: &Targets, logs: Logs, service: &str) -> Result<MetricsHandle, TelemetryError> {
    let traces = traces::layer(service).map_err(TelemetryError::Traces)?;
    let registry = tracing_subscriber::registry().with(traces);
    // Spans are parts of traces, not of logs.
    let filter = without_chatter(filter).with_target(spans::TARGET, LevelFilter::OFF);
    // A closed pipe must not end in a panic of the logger.
    match logs {
        Logs::Json => {
            let layer = fmt::layer().json().flatten_event(true).with_span_list(false);
            registry.with(layer.log_internal_errors(false).with_filter(filter)).try_init()
        }
        Logs::Text => {
            let layer = fmt::layer().with_writer(io::stderr).with_target(false);
            let layer = layer.with_ansi(io::stderr().is_terminal());
            registry.with(layer.log_internal_errors(false).with_filter(filter)).try_init()
        }
    }
    .map_err(TelemetryError::Logs)?;
    panic::set_hook(Box::new(log_panic));
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), SECONDS)
        .map_err(TelemetryError::Metrics)?;
    Ok(MetricsHandle(builder.install_recorder().map_err(TelemetryError::Metrics)?))
}

/// The filter without what libraries of others have to say: at `info` that is for who builds with them,
/// `actix_http` takes a bad request for an error of the server, and `rskafka` each call that is tried again. Levels of parts that are named count,
/// and so does what is said at `debug`.
fn without_chatter(filter: &Targets) -> Targets {
    let level = filter.default_level().unwrap_or(LevelFilter::OFF);
    if level > LevelFilter::INFO {
        return filter.clone();
    }
    let quiet = Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_target("soma", level)
        .with_target("actix_http", LevelFilter::OFF)
        .with_target("rskafka", LevelFilter::OFF);
    filter.iter().fold(quiet, |quiet, (part, level)| quiet.with_target(part, level))
}

/// Everything that was measured.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "the recorder has no Debug")]
pub struct MetricsHandle(PrometheusHandle);

impl MetricsHandle {
    /// Everything that was measured, in Prometheus's text form.
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// Folds samples until `stop`, so that they do not pile up while nobody asks for them.
    pub async fn keep(&self, timer: &dyn Timer, stop: &Stop) {
        while !stop.is_set() {
            self.0.run_upkeep();
            let stopped = std::pin::pin!(stop.wait());
            futures_util::future::select(stopped, timer.sleep(UPKEEP)).await;
        }
    }
}

/// Logs where a panic came from, and its message only if that is a literal: a message that was put
/// together may hold what a person said, or a key.
fn log_panic(info: &PanicHookInfo<'_>) {
    let message = info.payload().downcast_ref::<&'static str>();
    let message = message.copied().unwrap_or("(not shown: it may hold data)");
    let location = info.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or_default();
    tracing::error!(panic = message, location, thread, "panic");
}
