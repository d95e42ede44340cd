//! Events and deltas: into the chain, out of it, into JSON and out of it.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput};
use soma_core::conversation::chain::{Chain, Link};
use soma_core::conversation::event::Event;
use soma_core::stream::delta::Delta;

use crate::sample;

const TURNS: u32 = 25;

pub(crate) fn bench(criterion: &mut Criterion) {
    chain(criterion);
    json(criterion);
}

/// Per event: its content is digested, its envelope is digested, and the head moves.
fn chain(criterion: &mut Criterion) {
    let talk = sample::conversation();
    let drafts = sample::drafts(&talk, TURNS);
    let events = sample::events(&talk, TURNS);
    let mut group = criterion.benchmark_group("chain");
    group.throughput(Throughput::Elements(drafts.len() as u64));
    group.bench_function("append", |bencher| {
        let append = |drafts: Vec<_>| {
            let mut chain = Chain::new(talk.session_id);
            drafts.into_iter().map(|draft| chain.append(talk.session_id, draft)).last()
        };
        bencher.iter_batched(|| drafts.clone(), append, BatchSize::SmallInput);
    });
    group.bench_function("verify", |bencher| {
        bencher.iter(|| {
            let mut chain = Chain::new(talk.session_id);
            let mut each = events.iter();
            each.try_for_each(|event| chain.verify(&Link::of(event), event.hash)).unwrap();
            chain
        });
    });
    group.finish();
}

fn json(criterion: &mut Criterion) {
    let talk = sample::conversation();
    let delta = sample::delta(&talk, talk.turn(1), 0);
    let event = sample::events(&talk, 1).pop().unwrap();
    let (delta_text, event_text) =
        (serde_json::to_vec(&delta).unwrap(), serde_json::to_vec(&event).unwrap());
    let mut group = criterion.benchmark_group("json");
    group.throughput(Throughput::Bytes(delta_text.len() as u64));
    group.bench_function("delta/encode", |b| b.iter(|| serde_json::to_vec(black_box(&delta))));
    group.bench_function("delta/decode", |b| {
        b.iter(|| serde_json::from_slice::<Delta>(black_box(&delta_text)).unwrap());
    });
    group.throughput(Throughput::Bytes(event_text.len() as u64));
    group.bench_function("event/encode", |b| b.iter(|| serde_json::to_vec(black_box(&event))));
    group.bench_function("event/decode", |b| {
        b.iter(|| serde_json::from_slice::<Event>(black_box(&event_text)).unwrap());
    });
    group.finish();
}
