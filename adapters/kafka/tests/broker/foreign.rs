//! Records that other clients wrote, among them such as rskafka cannot decode.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use soma_core::outbox::message::Record;
use soma_core::outbox::topic::Topic;
use soma_core::ports::Log;
use soma_core::ports::log::{Fetched, Positioned};
use soma_core::time::Timestamp;
use soma_kafka::{KafkaLog, KafkaSettings};

use crate::common;
use crate::java::{foreign, jars};

const TOPIC: Topic = Topic::ConversationInbound;
const MUCH: usize = 1 << 20;

/// A log, and the Java client on one of its topics, which has one partition.
struct Mixed {
    jars: PathBuf,
    broker: String,
    settings: KafkaSettings,
    log: Arc<KafkaLog>,
}

impl Mixed {
    /// None if there is no broker. `configs` are those of the topic.
    async fn start(configs: &[&str]) -> Option<Self> {
        let (broker, jars) = (common::broker()?, jars()?);
        let settings = common::settings(&broker);
        let topic = format!("{}{TOPIC}", settings.topic_prefix);
        foreign(&jars, &broker, "create", &topic, configs);
        let log = common::connect(settings.clone()).await;
        Some(Self { jars, broker, settings, log })
    }

    fn java(&self, command: &str, rest: &[&str]) -> String {
        let topic = format!("{}{TOPIC}", self.settings.topic_prefix);
        foreign(&self.jars, &self.broker, command, &topic, rest)
    }

    async fn publish(&self, value: &str) {
        self.log.publish(TOPIC, 0, vec![record(value)]).await.unwrap();
    }

    /// All that is in the partition, as a consumer meets it: a value, or why there is none.
    async fn read(&self) -> Vec<(u64, Result<String, String>)> {
        let next = self.log.bounds(TOPIC, 0).await.unwrap().next;
        let (mut position, mut found) = (0, Vec::new());
        while position < next {
            let fetched = self.log.fetch(TOPIC, 0, position, MUCH, Duration::from_secs(5)).await;
            match fetched.unwrap() {
                Fetched::Records(records) => {
                    assert!(!records.is_empty(), "nothing at {position} below {next}: {found:?}");
                    for Positioned { offset, record } in records {
                        let value = String::from_utf8(record.value.to_vec()).unwrap();
                        found.push((offset, Ok(value)));
                        position = offset + 1;
                    }
                }
                Fetched::Unreadable { offset, found: unreadable } => {
                    found.push((offset, Err(unreadable.error)));
                    position = offset + 1;
                }
                Fetched::OutOfRange(bounds) => panic!("{position} is not in {bounds:?}"),
            }
        }
        found
    }
}

fn record(value: &str) -> Record {
    Record {
        key: "key".into(),
        value: value.as_bytes().to_vec().into(),
        headers: BTreeMap::from([
            (
                "traceparent".to_owned(),
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned(),
            ),
            ("tracestate".to_owned(), "soma=1".to_owned()),
            ("type".to_owned(), "user.message".to_owned()),
        ]),
        at: Timestamp::from_micros(1_762_171_200_000_001),
    }
}

/// The offsets, and whether there is a record.
fn places(found: &[(u64, Result<String, String>)]) -> Vec<(u64, Option<&str>)> {
    found.iter().map(|(offset, value)| (*offset, value.as_deref().ok())).collect()
}

#[tokio::test]
async fn record_that_cannot_be_decoded_is_told_and_stands_in_nobodys_way() {
    let Some(mixed) = Mixed::start(&[]).await else { return };
    mixed.publish("before").await;
    mixed.java("batch", &["none", "null-header"]);
    mixed.publish("after").await;

    let found = mixed.read().await;

    assert_eq!(places(&found), [(0, Some("before")), (1, None), (2, Some("after"))]);
    let error = found[1].1.as_ref().unwrap_err();
    assert!(error.contains("Malformed data"), "{error}");
}

/// rskafka decodes a batch as a whole: what stood in it is told offset by offset.
#[tokio::test]
async fn every_record_of_a_batch_that_cannot_be_decoded_is_told() {
    let Some(mixed) = Mixed::start(&[]).await else { return };
    mixed.publish("before").await;
    mixed.java("batch", &["none", "plain", "null-header", "plain"]);
    mixed.java("batch", &["zstd", "plain", "plain"]);
    mixed.java("batch", &["gzip", "plain"]);
    mixed.publish("after").await;

    let found = mixed.read().await;

    let lost: Vec<_> = (1..6).map(|offset| (offset, None)).collect();
    let kept = [(0, Some("before")), (6, Some("plain")), (7, Some("after"))];
    let expected = [&kept[..1], &lost, &kept[1..]].concat();
    assert_eq!(places(&found), expected, "{found:?}");
    let error = found[4].1.as_ref().unwrap_err();
    assert!(error.contains("ompression"), "{error}");
}

#[tokio::test]
async fn marker_of_a_transaction_stops_nobody() {
    let Some(mixed) = Mixed::start(&[]).await else { return };
    mixed.java("transaction", &["none", "plain"]);

    let marked = mixed.read().await;
    mixed.publish("after").await;
    let found = mixed.read().await;

    assert_eq!(places(&marked), [(0, Some("plain")), (1, None)]);
    assert_eq!(found.last().unwrap(), &(2, Ok("after".to_owned())));
}

#[tokio::test]
async fn record_whose_key_is_no_text_is_told_and_one_without_key_and_value_is_empty() {
    let Some(mixed) = Mixed::start(&[]).await else { return };
    mixed.java("batch", &["snappy", "plain", "odd-key", "bare"]);

    let found = mixed.read().await;

    assert_eq!(places(&found), [(0, Some("plain")), (1, None), (2, Some(""))]);
    assert!(found[1].1.as_ref().unwrap_err().contains("its key is no text"), "{found:?}");
}

#[tokio::test]
async fn record_of_two_megabytes_is_read() {
    let Some(mixed) = Mixed::start(&["max.message.bytes=4000000"]).await else { return };
    mixed.java("batch", &["none", "large"]);
    mixed.publish("after").await;

    let found = mixed.read().await;

    assert_eq!(found[0].1.as_ref().unwrap().len(), 2_000_000);
    assert_eq!(found[1], (1, Ok("after".to_owned())));
}

#[tokio::test]
async fn java_client_reads_what_is_published() {
    let Some(mixed) = Mixed::start(&[]).await else { return };
    mixed.publish("hello").await;

    let printed = mixed.java("read", &[]);

    let lines: Vec<_> = printed.lines().collect();
    let expected = [
        "key=hello",
        "at_us=1",
        "traceparent=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "tracestate=soma=1",
        "type=user.message",
    ];
    assert_eq!(lines, expected);
}
