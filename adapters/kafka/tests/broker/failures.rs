//! A broker that is killed, suspended, and that loses what it had.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rskafka::client::partition::UnknownTopicHandling;
use rskafka::client::{Client, ClientBuilder};
use soma_core::outbox::message::Record;
use soma_core::outbox::topic::Topic;
use soma_core::ports::log::{Bounds, Fetched};
use soma_core::ports::{Log, PortError, PortResult};
use soma_core::time::Timestamp;
use soma_kafka::{KafkaLog, KafkaSettings};

use crate::common;
use crate::java::jars;
use crate::own::Broker;

const TOPIC: Topic = Topic::ToolRequests;
const MUCH: usize = 1 << 20;
const LONG: Duration = Duration::from_mins(1);

fn record(value: &str) -> Record {
    Record {
        key: "key".into(),
        value: value.as_bytes().to_vec().into(),
        headers: BTreeMap::new(),
        at: Timestamp::from_micros(1_762_171_200_000_000),
    }
}

async fn publish(log: &Arc<KafkaLog>, value: &str) -> PortResult<u64> {
    log.publish(TOPIC, 0, vec![record(value)]).await
}

/// Publishes until that succeeds, as a relay does: what may have happened, may be there twice.
async fn publish_at_last(log: &Arc<KafkaLog>, value: &str) {
    let mut again = tokio::time::interval(Duration::from_millis(50));
    loop {
        again.tick().await;
        match publish(log, value).await {
            Ok(_) => return,
            Err(error) => assert!(error.is_transient(), "{error}"),
        }
    }
}

/// Reads from `position` until `value` is there, as a consumer does.
async fn read_up_to(log: &Arc<KafkaLog>, mut position: u64, value: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut again = tokio::time::interval(Duration::from_millis(50));
    while found.last().is_none_or(|last| last != value) {
        again.tick().await;
        match log.fetch(TOPIC, 0, position, MUCH, Duration::from_secs(1)).await {
            Ok(Fetched::Records(records)) => {
                position += records.len() as u64;
                let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                found.extend(records.iter().map(|place| text(&place.record.value)));
            }
            Ok(other) => panic!("{other:?}"),
            Err(error) => assert!(error.is_transient(), "{error}"),
        }
    }
    found
}

#[tokio::test]
async fn broker_that_is_killed_and_comes_back_is_found_again() {
    let Some(jars) = jars() else { return };
    let mut broker = Broker::start(&jars, "killed").await;
    let log = common::connect(common::settings(&broker.address)).await;
    publish(&log, "before").await.unwrap();
    let mut waiting = log.fetch(TOPIC, 0, 1, MUCH, LONG);
    assert!(futures_util::poll!(&mut waiting).is_pending());
    // Asked after it and answered: the broker has it, too.
    log.bounds(TOPIC, 0).await.unwrap();

    broker.kill();
    let cut_off = waiting.await;
    let refused = publish(&log, "while it is away").await.unwrap_err();
    broker.run().await;
    publish_at_last(&log, "after").await;
    let found = read_up_to(&log, 0, "after").await;

    assert!(cut_off.is_err_and(|error| error.is_transient()));
    assert!(refused.is_transient(), "{refused}");
    assert_eq!(found[0], "before");
}

/// rskafka 0.6 would wait as long as the broker does.
#[tokio::test]
async fn broker_that_is_suspended_holds_up_nobody_longer_than_the_deadline() {
    let Some(jars) = jars() else { return };
    let broker = Broker::start(&jars, "suspended").await;
    let settings = common::settings(&broker.address);
    common::connect(settings.clone()).await;
    let deadline = Duration::from_secs(2);
    let log = common::connect(KafkaSettings { deadline, ..settings }).await;
    publish_at_last(&log, "before").await;

    broker.signal("STOP");
    let unknown = publish(&log, "during").await.unwrap_err();
    let not_sent = publish(&log, "during").await.unwrap_err();
    let unread = log.fetch(TOPIC, 0, 0, MUCH, Duration::ZERO).await.unwrap_err();
    broker.signal("CONT");
    publish_at_last(&log, "after").await;
    let found = read_up_to(&log, 0, "after").await;

    assert!(matches!(unknown, PortError::Ambiguous(_)), "{unknown}");
    assert!(matches!(not_sent, PortError::Unavailable(_)), "{not_sent}");
    assert!(matches!(unread, PortError::Unavailable(_)), "{unread}");
    // What may have happened, has happened once at most.
    assert!(found.iter().filter(|value| *value == "during").count() <= 1, "{found:?}");
}

/// A log that waits for records must not keep others from publishing, or from reading.
#[tokio::test]
async fn reader_who_waits_holds_up_nobody() {
    let Some(broker) = common::broker() else { return };
    let log = common::connect(common::settings(&broker)).await;
    let mut waiting = log.fetch(TOPIC, 0, 0, MUCH, LONG);
    let others = async {
        log.bounds(TOPIC, 0).await.unwrap();
        log.fetch(TOPIC, 0, 0, MUCH, Duration::ZERO).await.unwrap();
        publish(&log, "at last").await.unwrap();
    };

    let begun = futures_util::poll!(&mut waiting);
    tokio::time::timeout(LONG / 2, others).await.unwrap();

    assert!(begun.is_pending());
    let found = tokio::time::timeout(LONG / 2, waiting).await.unwrap().unwrap();
    assert!(matches!(found, Fetched::Records(records) if records.len() == 1));
}

async fn client(settings: &KafkaSettings) -> (Client, String) {
    let client = ClientBuilder::new(settings.brokers.clone()).build().await.unwrap();
    (client, format!("{}{TOPIC}", settings.topic_prefix))
}

#[tokio::test]
async fn position_below_what_retention_left_is_out_of_range() {
    let Some(broker) = common::broker() else { return };
    let settings = common::settings(&broker);
    let log = common::connect(settings.clone()).await;
    for value in ["a", "b", "c"] {
        publish(&log, value).await.unwrap();
    }
    let (client, topic) = client(&settings).await;
    let partition = client.partition_client(topic, 0, UnknownTopicHandling::Retry).await.unwrap();
    partition.delete_records(2, 10_000).await.unwrap();

    let below = log.fetch(TOPIC, 0, 1, MUCH, Duration::ZERO).await.unwrap();
    let found = read_up_to(&log, 2, "c").await;

    assert_eq!(below, Fetched::OutOfRange(Bounds { earliest: 2, next: 3 }));
    assert_eq!(found, ["c"]);
}

/// By the digest of the record before its position, a consumer tells that the log is another one.
#[tokio::test]
async fn topic_that_was_made_anew_is_told_by_its_bounds_and_by_its_records() {
    let Some(broker) = common::broker() else { return };
    let settings = common::settings(&broker);
    let log = common::connect(settings.clone()).await;
    for value in ["a", "b"] {
        publish(&log, value).await.unwrap();
    }
    let Fetched::Records(old) = log.fetch(TOPIC, 0, 1, 1, Duration::ZERO).await.unwrap() else {
        panic!("no record")
    };
    let (client, topic) = client(&settings).await;
    let controller = client.controller_client().unwrap();
    controller.delete_topic(&topic, 10_000).await.unwrap();
    let mut again = tokio::time::interval(Duration::from_millis(50));
    while controller.create_topic(&topic, 3, 1, 10_000).await.is_err() {
        again.tick().await;
    }

    publish_at_last(&log, "c").await;
    let mut beyond = log.fetch(TOPIC, 0, 2, MUCH, Duration::ZERO).await;
    while beyond.is_err() {
        again.tick().await;
        beyond = log.fetch(TOPIC, 0, 2, MUCH, Duration::ZERO).await;
    }
    publish_at_last(&log, "d").await;
    let fetched = log.fetch(TOPIC, 0, 1, 1, Duration::ZERO).await.unwrap();

    assert_eq!(beyond.unwrap(), Fetched::OutOfRange(Bounds { earliest: 0, next: 1 }));
    let Fetched::Records(new) = fetched else { panic!("{fetched:?}") };
    assert_eq!((old[0].offset, new[0].offset), (1, 1));
    assert_ne!(old[0].record.digest(), new[0].record.digest());
}
