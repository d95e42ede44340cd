//! What an operator sees of failures: a line of the log and a counter by reason for each.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use serde_json::Value;
use soma_core::conversation::event::EventType::{AssistantFinal, TurnFailed};
use soma_core::conversation::model::ModelFailure;
use soma_inproc::Script;
use tracing::Dispatch;
use tracing::subscriber::DefaultGuard;

use crate::house::Plan;

/// What is logged by this thread.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    /// Listens until both guards are dropped. With one subscriber alone, what another thread logs first
    /// would be taken for something that nobody listens to, here too.
    fn listen() -> (Self, (DefaultGuard, Dispatch)) {
        let another = Dispatch::new(tracing_subscriber::fmt().with_writer(io::sink).finish());
        let lines = Self::default();
        let writer = lines.clone();
        let log = tracing_subscriber::fmt().json().flatten_event(true);
        let log = log.with_writer(move || writer.clone()).finish();
        (lines, (tracing::subscriber::set_default(log), another))
    }

    fn saying(&self, message: &str) -> Vec<Value> {
        let bytes = self.0.lock().unwrap().clone();
        let lines = String::from_utf8(bytes).unwrap();
        let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|line| line["message"] == message).collect()
    }
}

struct Counters(PrometheusRecorder, PrometheusHandle);

impl Counters {
    fn new() -> Self {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        Self(recorder, handle)
    }

    fn says(&self, line: &str) -> bool {
        self.1.render().lines().any(|found| found == line)
    }
}

#[tokio::test(start_paused = true)]
async fn model_that_fails_is_seen_call_by_call_and_so_is_the_turn_that_it_fails() {
    let counters = Counters::new();
    let _counting = metrics::set_default_local_recorder(&counters.0);
    let (lines, _logging) = Lines::listen();
    let failure = || ModelFailure::Unavailable("503: out of order".into());
    let house = Plan::new(move |_, _| Script::refusing(failure())).open();
    let mut client = house.client();

    let receipt = client.say("Well?").await;
    client.until_ended(1).await;

    assert_eq!(client.view.ended[&receipt.turn_id].kind, TurnFailed);
    assert!(counters.says(r#"model_failures_total{reason="unavailable"} 3"#));
    let failed = r#"conversation_worker_messages_total{result="model_error"} 1"#;
    assert!(counters.says(failed));
    let calls = lines.saying("a call of the language model failed");
    let turns = lines.saying("a turn failed");
    assert_eq!((calls.len(), turns.len()), (3, 1), "{calls:?} {turns:?}");
    for line in calls.iter().chain(&turns) {
        assert_eq!(line["turn"], receipt.turn_id.to_string(), "{line}");
        assert_eq!(line["session"], receipt.session_id.to_string(), "{line}");
        assert!(line["cause"].as_str().unwrap().contains("out of order"), "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn turn_that_is_answered_is_counted() {
    let counters = Counters::new();
    let _counting = metrics::set_default_local_recorder(&counters.0);
    let house = Plan::saying("Here I am.").open();
    let mut client = house.client();

    let ended = client.ask_and_wait("Hello?").await;

    assert_eq!(ended.kind, AssistantFinal);
    assert!(counters.says(r#"conversation_worker_messages_total{result="success"} 1"#));
}
