//! Choosing the history that fits, of a session of 400 events.

use std::hint::black_box;

use criterion::Criterion;
use soma_core::conversation::window::window;

use crate::sample;

/// Of four events each.
const TURNS: u32 = 100;

pub(crate) fn bench(criterion: &mut Criterion) {
    let talk = sample::conversation();
    let events = sample::events(&talk, TURNS);
    let current = talk.turn(TURNS + 1);
    // About what a vocabulary says of English, and as cheap as can be: the rest is the window's.
    let count = |text: &str| text.len() as u64 / 4;
    let mut group = criterion.benchmark_group("window");
    for (name, budget) in [("400 events, 4096 tokens", 4_096), ("400 events, all fit", u64::MAX)] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| window(black_box(&events), current, budget, &count));
        });
    }
    group.finish();
}
