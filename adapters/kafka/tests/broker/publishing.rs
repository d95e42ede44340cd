//! How records are published.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use rskafka::client::ClientBuilder;
use rskafka::client::partition::{OffsetAt, UnknownTopicHandling};
use soma_core::outbox::message::Record;
use soma_core::outbox::topic::Topic;
use soma_core::ports::log::{Bounds, Fetched};
use soma_core::ports::{Log, PortError};
use soma_core::time::Timestamp;
use soma_kafka::{Compression, KafkaSettings};
use tokio::time::Instant;

use crate::common;

const TOPIC: Topic = Topic::ConversationOutbound;
const MUCH: usize = 1 << 22;

fn record(bytes: usize) -> Record {
    Record {
        key: "key".into(),
        value: vec![b'x'; bytes].into(),
        headers: BTreeMap::new(),
        at: Timestamp::from_micros(1_762_171_200_000_000),
    }
}

/// How many batches are in partition 0.
async fn batches(settings: &KafkaSettings) -> usize {
    let client = ClientBuilder::new(settings.brokers.clone()).build().await.unwrap();
    let topic = format!("{}{TOPIC}", settings.topic_prefix);
    let partition = client.partition_client(topic, 0, UnknownTopicHandling::Retry).await.unwrap();
    let end = partition.get_offset(OffsetAt::Latest).await.unwrap();
    let (mut offset, mut count) = (0, 0);
    while offset < end {
        // One byte brings one batch, whole.
        let (records, _) = partition.fetch_records(offset, 1..2, 1_000).await.unwrap();
        offset = records.last().unwrap().offset + 1;
        count += 1;
    }
    count
}

/// 64 who each publish 20 times, one after the other, would else be 1 280 requests.
#[tokio::test]
async fn publishes_of_many_are_joined() {
    let Some(broker) = common::broker() else { return };
    let settings = common::settings(&broker);
    let log = common::connect(settings.clone()).await;

    join_all((0..64).map(async |_| {
        for _ in 0..20 {
            log.publish(TOPIC, 0, vec![record(100)]).await.unwrap();
        }
    }))
    .await;

    let bounds = log.bounds(TOPIC, 0).await.unwrap();
    assert_eq!(bounds, Bounds { earliest: 0, next: 1_280 });
    let requests = batches(&settings).await;
    assert!(requests <= 1_280 / 8, "{requests} requests");
}

/// What is refused for good is told to the one who asked for it, and to nobody else.
#[tokio::test]
async fn record_that_is_too_large_harms_no_other() {
    let Some(broker) = common::broker() else { return };
    let settings = KafkaSettings { batch_bytes: 1 << 24, ..common::settings(&broker) };
    let log = common::connect(settings.clone()).await;
    let sizes = (0..16).map(|number| if number == 7 { 2_000_000 } else { 100 });
    log.publish(TOPIC, 0, vec![record(1)]).await.unwrap();

    let answers = join_all(sizes.map(|bytes| log.publish(TOPIC, 0, vec![record(bytes)]))).await;

    for (number, answer) in answers.into_iter().enumerate() {
        match answer {
            Err(PortError::Broken { .. }) => assert_eq!(number, 7),
            Ok(_) => assert_ne!(number, 7),
            Err(error) => panic!("{number}: {error}"),
        }
    }
    assert_eq!(log.bounds(TOPIC, 0).await.unwrap().next, 16);
}

#[tokio::test]
async fn batches_are_read_in_whichever_way_they_were_compressed() {
    let Some(broker) = common::broker() else { return };
    let settings = common::settings(&broker);
    for compression in [Compression::None, Compression::Snappy, Compression::Gzip] {
        let log = common::connect(KafkaSettings { compression, ..settings.clone() }).await;

        let first = log.publish(TOPIC, 0, vec![record(10_000), record(20_000)]).await.unwrap();

        let fetched = log.fetch(TOPIC, 0, first, MUCH, Duration::ZERO).await.unwrap();
        let Fetched::Records(found) = fetched else { panic!("{fetched:?}") };
        let sizes: Vec<_> = found.iter().map(|place| place.record.value.len()).collect();
        assert_eq!(sizes, [10_000, 20_000], "{compression:?}");
    }
}

/// Without `TCP_NODELAY` each of these takes 44 ms: the broker delays its acknowledgement of the first
/// of the two pieces in which rskafka writes a request of more than 8 KiB. On a machine that is so busy
/// that small requests take long, they are the measure.
#[tokio::test]
async fn publish_of_ten_kilobytes_does_not_wait_for_a_delayed_acknowledgement() {
    let Some(broker) = common::broker() else { return };
    let settings = KafkaSettings { linger: Duration::ZERO, ..common::settings(&broker) };
    let log = common::connect(settings).await;

    let (mut small, mut large) = (Vec::new(), Vec::new());
    for _ in 0..300 {
        for (count, took) in [(1, &mut small), (10, &mut large)] {
            let begun = now();
            log.publish(TOPIC, 0, vec![record(1_000); count]).await.unwrap();
            took.push(begun.elapsed());
        }
    }

    small.sort();
    large.sort();
    let most = Duration::from_millis(10).max(small[150] * 3);
    assert!(large[150] < most, "half of them took more than {:?}, not {most:?}", large[150]);
}

#[expect(clippy::disallowed_methods, reason = "the clock on the wall is what is measured")]
fn now() -> Instant {
    Instant::now()
}
