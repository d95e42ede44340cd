//! The event log in SQLite: in and out.

use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use soma_core::contract::ledger::NOW;
use soma_core::outbox::message::Record;
use soma_core::outbox::topic::Topic;
use soma_core::ports::Log;
use soma_core::ports::log::Fetched;
use soma_inproc::ManualTimer;
use soma_sqlite::{Database, SqliteLog};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::sample;

const TOPIC: Topic = Topic::ConversationOutbound;
/// How many records there are to be read.
const STORED: usize = 1_024;
const FETCHED: usize = 256;

pub(crate) fn bench(criterion: &mut Criterion) {
    let folder = TempDir::new().unwrap();
    let runtime = Runtime::new().unwrap();
    let database = Database::open(folder.path().join("soma.db")).unwrap();
    let log = SqliteLog::new(Arc::clone(&database), Arc::new(ManualTimer::new(sample::clock())));
    let mut group = criterion.benchmark_group("sqlite log");
    for count in [1, 64] {
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(format!("publish {count}"), |bencher| {
            bencher.iter(|| runtime.block_on(log.publish(TOPIC, 0, records(count))).unwrap());
        });
    }
    let batch = records(STORED);
    let bytes = batch[0].value.len() * FETCHED;
    runtime.block_on(log.publish(TOPIC, 1, batch)).unwrap();
    group.throughput(Throughput::Elements(FETCHED as u64));
    group.bench_function(format!("fetch {FETCHED} of {STORED}"), |bencher| {
        bencher.iter(|| {
            let fetch = log.fetch(TOPIC, 1, 0, bytes, Duration::ZERO);
            let Fetched::Records(records) = runtime.block_on(fetch).unwrap() else { return 0 };
            assert_eq!(records.len(), FETCHED);
            records.len()
        });
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
