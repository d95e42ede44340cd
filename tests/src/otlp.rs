//! A receiver of traces: OTLP over HTTP, as a collector is asked, on a thread of its own.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span as Sent};
use prost::Message;
use tokio::net::TcpStream;
use tokio::runtime;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use crate::http::{Chunked, Request};

/// A span that was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The service that made it.
    pub service: String,
    /// The trace, in hex.
    pub trace: String,
    /// Its id, in hex.
    pub id: String,
    /// The id of its parent, in hex; empty if it has none.
    pub parent: String,
    /// Its name.
    pub name: String,
    /// Its kind: 1 internal, 2 server, 3 client, 4 producer, 5 consumer.
    pub kind: i32,
    /// Whether it failed.
    pub failed: bool,
    /// Its attributes, as text.
    pub attributes: BTreeMap<String, String>,
}

/// A running receiver; it stops when it is dropped.
pub struct Otlp {
    address: SocketAddr,
    spans: Arc<watch::Sender<Vec<Span>>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Otlp {
    /// Starts on a free port of loopback.
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let spans = Arc::new(watch::Sender::new(Vec::new()));
        let (stop, stopped) = oneshot::channel();
        let serving = run(listener, Arc::clone(&spans));
        let thread = std::thread::Builder::new().name("otlp".into()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = serving => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { address, spans, stop: Some(stop), thread: Some(thread) })
    }

    /// What to set as `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits until what was received is as wanted, and returns it. Without end if it never is.
    pub async fn until(&self, wanted: impl Fn(&[Span]) -> bool) -> Vec<Span> {
        let mut spans = self.spans.subscribe();
        match spans.wait_for(|spans| wanted(spans)).await {
            Ok(spans) => spans.clone(),
            Err(_) => Vec::new(),
        }
    }

    /// Everything that was received so far.
    pub fn spans(&self) -> Vec<Span> {
        self.spans.borrow().clone()
    }
}

impl Drop for Otlp {
    fn drop(&mut self) {
        // Whoever listened is gone already, or hears it now.
        let _ = self.stop.take().map(|stop| stop.send(()));
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

soma_core::opaque_debug!(Otlp);

async fn run(listener: TcpListener, spans: Arc<watch::Sender<Vec<Span>>>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((socket, _)) = listener.accept() => {
                let spans = Arc::clone(&spans);
                connections.spawn(async move { receive(socket, &spans).await });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn receive(mut socket: TcpStream, spans: &watch::Sender<Vec<Span>>) -> io::Result<()> {
    let Some(request) = Request::read(&mut socket).await? else { return Ok(()) };
    let batch = ExportTraceServiceRequest::decode(request.body.as_slice());
    let status = match (request.target(), batch) {
        ("POST /v1/traces", Ok(batch)) => {
            let received = batch.resource_spans.into_iter().flat_map(of_service);
            spans.send_modify(|spans| spans.extend(received));
            200
        }
        ("POST /v1/traces", Err(_)) => 400,
        _ => 404,
    };
    let headers = [("content-type".to_owned(), "application/x-protobuf".to_owned())];
    Chunked::begin(&mut socket, status, &headers, usize::MAX).await?.end(&[]).await
}

/// The spans of one service.
fn of_service(sent: ResourceSpans) -> Vec<Span> {
    let mut attributes = sent.resource.into_iter().flat_map(|resource| resource.attributes);
    let name = attributes.rfind(|attribute| attribute.key == "service.name");
    let service = name.map(|name| text(name.value)).unwrap_or_default();
    let spans = sent.scope_spans.into_iter().flat_map(|scope| scope.spans);
    spans.map(|span| Span::of(&service, span)).collect()
}

impl Span {
    fn of(service: &str, sent: Sent) -> Self {
        let attribute = |KeyValue { key, value, .. }| (key, text(value));
        Self {
            service: service.to_owned(),
            trace: hex(&sent.trace_id),
            id: hex(&sent.span_id),
            parent: hex(&sent.parent_span_id),
            name: sent.name,
            kind: sent.kind,
            failed: sent.status.is_some_and(|status| status.code == 2),
            attributes: sent.attributes.into_iter().map(attribute).collect(),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn text(value: Option<AnyValue>) -> String {
    match value.and_then(|value| value.value) {
        Some(Any::StringValue(text)) => text,
        Some(Any::IntValue(number)) => number.to_string(),
        Some(Any::DoubleValue(number)) => number.to_string(),
        Some(Any::BoolValue(yes)) => yes.to_string(),
        other => format!("{other:?}"),
    }
}
