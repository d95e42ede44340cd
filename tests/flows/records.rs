//! Records that are none of ours.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use soma_core::conversation::event::EventType::AssistantFinal;
use soma_core::ids::{CallId, SessionId, TurnId};
use soma_core::outbox::message::Record;
use soma_core::outbox::topic::Topic;
use soma_core::ports::Log;
use soma_core::ports::log::Fetched;
use soma_inproc::InprocLog;
use soma_tests::platform::{Ports, Stage, check};
use uuid::Uuid;

use crate::house::Plan;

/// The payloads of every dead letter on a topic.
pub(crate) async fn dead_letters(ports: &Ports, topic: &str) -> Vec<Value> {
    let topic = Topic::parse(topic).unwrap();
    let mut letters = Vec::new();
    for partition in 0..ports.log.partitions(topic) {
        let fetched = ports.log.fetch(topic, partition, 0, 1 << 24, Duration::ZERO).await.unwrap();
        let Fetched::Records(records) = fetched else { panic!("{fetched:?}") };
        let value = |record: &Record| serde_json::from_slice(&record.value).unwrap();
        letters.extend(records.iter().map(|place| value(&place.record)));
    }
    letters
}

/// What nobody can read, and what reads well but is about nothing that is known here.
fn strangers(topic: Topic) -> Vec<Vec<u8>> {
    let foreign = json!({
        "session_id": SessionId::from_uuid(Uuid::from_u128(1)),
        "turn_id": TurnId::from_uuid(Uuid::from_u128(2)),
        "call_id": CallId::from_uuid(Uuid::from_u128(3)),
        "metadata": {"tenant": "acme"},
    });
    let mut values: Vec<Vec<u8>> = vec![
        Vec::new(),
        b"not json".to_vec(),
        b"[]".to_vec(),
        b"{}".to_vec(),
        b"\xff\xfe\0".to_vec(),
        br#"{"type":"unknown","version":"sa99-v9"}"#.to_vec(),
        vec![b'['; 1_000],
        vec![b'x'; 300_000],
    ];
    if topic != Topic::MemoryWal {
        values.push(foreign.to_string().into_bytes());
    }
    values
}

#[tokio::test(start_paused = true)]
async fn record_that_cannot_be_read_becomes_a_dead_letter_and_blocks_nobody() {
    let topics =
        [Topic::ConversationInbound, Topic::ToolRequests, Topic::ToolResults, Topic::MemoryWal];
    for topic in topics {
        let house = Plan::asking_for("echo").open();
        let truth = &house.platform.truth;
        let strangers = strangers(topic);
        for partition in 0..truth.log.partitions(topic) {
            let at = house.platform.stage.clock.now();
            let record = |value: &Vec<u8>| Record {
                key: "who knows".into(),
                value: value.clone().into(),
                headers: BTreeMap::new(),
                at,
            };
            let records = strangers.iter().map(record).collect();
            truth.log.publish(topic, partition, records).await.unwrap();
        }
        let mut client = house.client();

        let ended = client.ask_and_wait("Use the tool.").await;

        assert_eq!(ended.kind, AssistantFinal, "{topic}");
        check(&house.platform, &client.principal).await;
        let letters = dead_letters(truth, topic.dead_letters().as_str()).await;
        assert_eq!(letters.len(), 3 * strangers.len(), "{topic}");
        assert!(letters.iter().all(|letter| letter["error_message"].is_string()));
    }
}

/// The log cannot say what it was: the letter names the place.
#[tokio::test(start_paused = true)]
async fn record_that_the_log_cannot_read_becomes_a_dead_letter_and_blocks_nobody() {
    let topics =
        [Topic::ConversationInbound, Topic::ToolRequests, Topic::ToolResults, Topic::MemoryWal];
    for topic in topics.into_iter().chain([Topic::ConversationOutbound]) {
        let stage = Stage::new();
        let log = Arc::new(InprocLog::new(Arc::clone(&stage.timer)));
        for partition in 0..log.partitions(topic) {
            for (offset, value) in (0..).zip(strangers(topic).into_iter().take(3)) {
                let at = stage.clock.now();
                let (key, headers) = ("who knows".to_owned(), BTreeMap::new());
                let record = Record { key, value: value.into(), headers, at };
                log.publish(topic, partition, vec![record]).await.unwrap();
                log.damage(topic, partition, offset).unwrap();
            }
        }
        let house = Plan::asking_for("echo").over(&log).open();
        let mut client = house.client();

        let ended = client.ask_and_wait("Use the tool.").await;

        assert_eq!(ended.kind, AssistantFinal, "{topic}");
        check(&house.platform, &client.principal).await;
        let letters = dead_letters(&house.platform.truth, topic.dead_letters().as_str()).await;
        // The outbound topic has no consumer who keeps what it cannot read: the store has it all.
        let consumed = topic != Topic::ConversationOutbound;
        assert_eq!(letters.len(), if consumed { 9 } else { 0 }, "{topic}");
        assert!(letters.iter().all(|letter| letter["error_message"] == "it is damaged"), "{topic}");
    }
}

#[tokio::test(start_paused = true)]
async fn stranger_on_the_outbound_topic_stops_no_stream() {
    let house = Plan::saying("Still here.").open();
    let truth = &house.platform.truth;
    for partition in 0..truth.log.partitions(Topic::ConversationOutbound) {
        for kind in ["assistant.delta", "assistant.final", "who knows"] {
            let at = house.platform.stage.clock.now();
            let headers = BTreeMap::from([("type".to_owned(), kind.to_owned())]);
            let key = "who knows".to_owned();
            let record = Record { key, value: (&b"{}"[..]).into(), headers, at };
            let topic = Topic::ConversationOutbound;
            truth.log.publish(topic, partition, vec![record]).await.unwrap();
        }
    }
    let mut client = house.client();

    let ended = client.ask_and_wait("Hello?").await;

    assert_eq!(ended.text, "Still here.");
    check(&house.platform, &client.principal).await;
}

#[tokio::test(start_paused = true)]
async fn message_delivered_twice_is_answered_once() {
    let house = Plan::asking_for("echo").open();
    let truth = &house.platform.truth;
    let mut client = house.client();
    client.ask_and_wait("Use the tool.").await;

    for topic in [
        Topic::ConversationInbound,
        Topic::ToolRequests,
        Topic::ToolResults,
        Topic::ConversationOutbound,
    ] {
        for partition in 0..truth.log.partitions(topic) {
            let fetched = truth.log.fetch(topic, partition, 0, 1 << 24, Duration::ZERO).await;
            let Fetched::Records(records) = fetched.unwrap() else { panic!("out of range") };
            let again =
                records.into_iter().map(|place| (*place.record).clone()).collect::<Vec<_>>();
            truth.log.publish(topic, partition, again).await.unwrap();
        }
    }
    client.ask_and_wait("And again.").await;

    assert_eq!(house.echo.calls().len(), 2);
    assert_eq!(house.model.requests().len(), 4);
    let report = check(&house.platform, &client.principal).await;
    assert_eq!(report.turns.len(), 2);
}
