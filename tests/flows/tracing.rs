//! The trace of a request goes with what it leads to.

use std::collections::BTreeMap;
use std::time::Duration;

use soma_core::contract::talk::trace;
use soma_core::flows::submit_message::NewMessage;
use soma_core::ids::SessionId;
use soma_core::outbox::topic::Topic;
use soma_core::ports::log::Fetched;
use soma_core::trace::TraceContext;
use soma_tests::platform::check;

use crate::house::{House, Plan};

/// What services publish of a session.
const TOPICS: [Topic; 5] = [
    Topic::ConversationInbound,
    Topic::ConversationOutbound,
    Topic::ToolRequests,
    Topic::ToolResults,
    Topic::MemoryWal,
];

/// The headers of a trace.
type Trace = Vec<(String, String)>;

/// The traces of the records of a session on a topic, by the type of the record.
async fn traces(house: &House, topic: Topic, session: SessionId) -> BTreeMap<String, Vec<Trace>> {
    let log = &house.platform.truth.log;
    let mut traces: BTreeMap<String, Vec<Trace>> = BTreeMap::new();
    for partition in 0..log.partitions(topic) {
        let fetched = log.fetch(topic, partition, 0, 1 << 24, Duration::ZERO).await.unwrap();
        let Fetched::Records(records) = fetched else { panic!("{fetched:?}") };
        let records = records.into_iter().map(|place| place.record);
        for record in records.filter(|record| record.key == session.to_string()) {
            let header = |name: &str| Some((name.to_owned(), record.header(name)?.to_owned()));
            let trace = ["traceparent", "tracestate"].into_iter().filter_map(header).collect();
            traces.entry(record.header("type").unwrap().to_owned()).or_default().push(trace);
        }
    }
    traces
}

#[tokio::test(start_paused = true)]
async fn every_record_that_a_message_leads_to_belongs_to_the_trace_of_its_request() {
    let house = Plan::asking_for("echo").open();
    let (mut traced, mut other) = (house.client(), house.client());
    let trace = trace();
    let headers: Trace = trace.iter().flat_map(TraceContext::headers).collect();
    let message = NewMessage { message: "With a trace.".into(), trace, ..NewMessage::default() };

    traced.submit(message).await.unwrap().unwrap();
    traced.until_ended(1).await;
    other.ask_and_wait("Without a trace.").await;

    check(&house.platform, &traced.principal).await;
    let mut kinds = Vec::new();
    for topic in TOPICS {
        for (kind, traces) in traces(&house, topic, traced.session.unwrap()).await {
            assert!(traces.iter().all(|trace| *trace == headers), "{kind}: {traces:?}");
            kinds.push(kind);
        }
        for (kind, traces) in traces(&house, topic, other.session.unwrap()).await {
            assert!(traces.iter().all(Vec::is_empty), "{kind}: {traces:?}");
        }
    }
    for kind in [
        "user.message",
        "assistant.delta",
        "assistant.final",
        "tool.request",
        "tool.start",
        "tool.result",
        "memory.write",
    ] {
        assert!(kinds.iter().any(|seen| seen == kind), "{kind} is not among {kinds:?}");
    }
}
