//! The event log in Kafka: what many publish, beside produce requests that have as much, one after the
//! other. Needs `SOMA_TEST_KAFKA`, the address of a broker.

use criterion::{Criterion, Throughput};
use futures_util::future::join_all;
use rskafka::client::ClientBuilder;
use rskafka::client::partition::{Compression, UnknownTopicHandling};
use rskafka::record::Record as KafkaRecord;
use soma_core::contract::ledger::NOW;
use soma_core::outbox::message::Record;
use soma_core::outbox::topic::Topic;
use soma_core::ports::Log;
use soma_kafka::{KafkaLog, KafkaSettings};
use tokio::runtime::Runtime;

use crate::sample;
use crate::timing::beside;

const TOPIC: Topic = Topic::ConversationOutbound;
const PUBLISHERS: usize = 50;
const EACH: usize = 10;

pub(crate) fn bench(criterion: &mut Criterion) {
    let Ok(broker) = std::env::var("SOMA_TEST_KAFKA") else {
        println!("kafka log: left out, SOMA_TEST_KAFKA is not set");
        return;
    };
    let runtime = Runtime::new().unwrap();
    let topic_prefix = format!("bench-{}.", std::process::id());
    let topic = format!("{topic_prefix}{TOPIC}");
    let settings = KafkaSettings { topic_prefix, ..KafkaSettings::new([&broker]) };
    let log = runtime.block_on(KafkaLog::connect(settings)).unwrap();
    let alone = runtime.block_on(async {
        let client = ClientBuilder::new(vec![broker]).build().await.unwrap();
        client.partition_client(topic, 1, UnknownTopicHandling::Error).await.unwrap()
    });
    let whole: Vec<KafkaRecord> = records(PUBLISHERS * EACH).iter().map(encoded).collect();
    let mut floor = |count: u64| {
        for _ in 0..count {
            let produced = alone.produce(whole.clone(), Compression::NoCompression);
            runtime.block_on(produced).unwrap();
        }
    };
    let mut group = criterion.benchmark_group("kafka log");
    group.throughput(Throughput::Elements((PUBLISHERS * EACH) as u64));
    let name = format!("publish {EACH} by each of {PUBLISHERS}");
    let floors = &mut [("one produce request of as many", &mut floor as &mut dyn FnMut(u64))];
    beside(&mut group, &name, floors, |count| {
        let publishers = (0..PUBLISHERS).map(async |_| {
            for _ in 0..count {
                log.publish(TOPIC, 0, records(EACH)).await.unwrap();
            }
        });
        runtime.block_on(join_all(publishers));
    });
    group.finish();
}

/// As a worker publishes pieces of an answer.
fn records(count: usize) -> Vec<Record> {
    let talk = sample::conversation();
    let delta = sample::delta(&talk, talk.turn(1), 0);
    let record =
        Record::direct(talk.session_id, &talk.tenant, "assistant.delta", None, &delta, NOW);
    vec![record; count]
}

fn encoded(record: &Record) -> KafkaRecord {
    let header = |(name, value): (&String, &String)| (name.clone(), value.clone().into_bytes());
    KafkaRecord {
        key: Some(record.key.clone().into_bytes()),
        value: Some(record.value.to_vec()),
        headers: record.headers.iter().map(header).collect(),
        timestamp: rskafka::chrono::DateTime::default(),
    }
}
