//! The trace of a request goes with what it leads to.

use std::slice::from_ref;
use std::time::Duration;

use serde_json::Value;
use soma_core::flows::submit_message::NewMessage;
use soma_core::outbox::topic::Topic;
use soma_core::ports::log::Fetched;
use soma_core::trace::TraceContext;

use crate::house::{House, Plan};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// The trace of each record of a topic that is about a turn and came through the outbox.
async fn traces(house: &House, topic: Topic, turn: &str) -> Vec<Option<[String; 2]>> {
    let log = &house.platform.truth.log;
    let mut traces = Vec::new();
    for partition in 0..log.partitions(topic) {
        let fetched = log.fetch(topic, partition, 0, 1 << 24, Duration::ZERO).await.unwrap();
        let Fetched::Records(records) = fetched else { panic!("{fetched:?}") };
        for record in records.into_iter().map(|place| place.record) {
            let value: Value = serde_json::from_slice(&record.value).unwrap();
            if value["turn_id"] == turn && record.header("event_id").is_some() {
                let header = |name| record.header(name).map(str::to_owned);
                traces.push(header("traceparent").zip(header("tracestate")).map(<[_; 2]>::from));
            }
        }
    }
    traces
}

#[tokio::test(start_paused = true)]
async fn what_a_message_leads_to_belongs_to_the_trace_of_its_request() {
    let house = Plan::asking_for("echo").open();
    let mut client = house.client();
    let before = client.say("Without a trace.").await;
    client.until_ended(1).await;
    let message = NewMessage {
        session_id: client.session,
        message: "With a trace.".into(),
        trace: TraceContext::read(PARENT, Some("a=1")),
        ..NewMessage::default()
    };

    let gateway = house.platform.gateway().unwrap();
    let receipt = gateway.submit.run(&client.principal, message).await.unwrap();
    client.until_ended(2).await;

    let (turn, before) = (receipt.turn_id.to_string(), before.turn_id.to_string());
    let expected = Some([PARENT.to_owned(), "a=1".to_owned()]);
    for topic in [Topic::ConversationInbound, Topic::ToolRequests] {
        assert_eq!(traces(&house, topic, &turn).await, from_ref(&expected), "{topic}");
        assert_eq!(traces(&house, topic, &before).await, [None], "{topic}");
    }
    let events = traces(&house, Topic::ConversationOutbound, &turn).await;
    let traced = events.iter().filter(|trace| **trace == expected);
    // The executor works from the ledger of calls, which knows no trace: its events have none.
    assert_eq!((events.len(), traced.count()), (client.view.kinds.len() / 2, events.len() - 2));
}
