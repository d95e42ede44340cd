//! Recalling among ten thousand memories.

use std::sync::Arc;
use std::time::Instant;

use criterion::Criterion;
use soma_benches::samples::Samples;
use soma_core::contract::talk::Talk;
use soma_core::memory::{MemoryWrite, RecallQuery};
use soma_core::ports::Memory;
use soma_sqlite::{Database, SqliteMemory};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::sample;

const ITEMS: usize = 10_000;
/// How many are written at once: the database gathers them.
const AT_ONCE: usize = 250;

/// What the memories are made of: each has one word of every row, and a number that is its own.
const WORDS: [[&str; 8]; 3] = [
    ["harbour", "lorry", "warehouse", "offer", "invoice", "customs", "crane", "pallet"],
    ["late", "cheap", "broken", "green", "second", "urgent", "heavy", "small"],
    ["monday", "hamburg", "winter", "berth", "friday", "rotterdam", "summer", "gate"],
];

pub(crate) fn bench(criterion: &mut Criterion) {
    let folder = TempDir::new().unwrap();
    let runtime = Runtime::new().unwrap();
    let mut memory = None;
    let mut group = criterion.benchmark_group("memory, 10k items");
    for (name, text) in [
        ("recall, one rare word", "what was n4711 about"),
        ("recall, common words", "which cheap offer was in hamburg by the harbour"),
        ("recall, a question", sample::QUESTION),
    ] {
        let mut times = Vec::new();
        group.bench_function(name, |bencher| {
            let memory = memory.get_or_insert_with(|| runtime.block_on(filled(&folder)));
            let query = query(text);
            bencher.iter_custom(|count| {
                let each = (0..count).map(|_| {
                    let began = Instant::now();
                    runtime.block_on(memory.recall(&query)).unwrap();
                    began.elapsed()
                });
                let each: Vec<_> = each.collect();
                times.extend(&each);
                each.iter().sum()
            });
        });
        let times: Samples = times.into_iter().collect();
        if times.count() > 0 {
            println!("{name}: p50 {:?}, p95 {:?}", times.median(), times.percentile(95));
        }
    }
    group.finish();
}

fn query(text: &str) -> RecallQuery {
    RecallQuery {
        tenant: sample::conversation().tenant,
        session_id: None,
        text: text.into(),
        limit: 8,
        except: Vec::new(),
    }
}

/// The memory with everything in it.
async fn filled(folder: &TempDir) -> SqliteMemory {
    let database = Database::open(folder.path().join("soma.db")).unwrap();
    let memory = SqliteMemory::new(Arc::clone(&database), sample::clock());
    let talk = sample::conversation();
    let writes: Vec<MemoryWrite> = (0..ITEMS).map(|number| write(&talk, number)).collect();
    for some in writes.chunks(AT_ONCE) {
        memory.remember(some).await.unwrap();
    }
    memory
}

fn write(talk: &Talk, number: usize) -> MemoryWrite {
    let [thing, kind, place] = WORDS;
    let (thing, kind, place) = (thing[number % 8], kind[number / 8 % 8], place[number / 64 % 8]);
    talk.memory(&format!("The {kind} {thing} of n{number} was seen in {place} again."))
}
