//! Rates that are set side by side: criterion tells how each is distributed, and these tell what one
//! is beside another.

use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Throughput};
use soma_benches::samples::number;

/// What was done in how long, over a whole benchmark.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rate {
    done: u64,
    span: Duration,
}

impl Rate {
    /// Runs a benchmark whose `work` does so many in one go; nothing is measured if it was filtered
    /// out.
    pub(crate) fn of(
        group: &mut BenchmarkGroup<'_, WallTime>,
        name: &str,
        mut work: impl FnMut(u64),
    ) -> Self {
        let mut rate = Self::default();
        group.throughput(Throughput::Elements(1));
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|count| {
                let began = Instant::now();
                work(count);
                let span = began.elapsed();
                rate.done += count;
                rate.span += span;
                span
            });
        });
        rate
    }

    /// How many in a second; none if nothing was measured.
    pub(crate) fn per_second(self) -> Option<f64> {
        let done = number(usize::try_from(self.done).ok()?);
        (self.done > 0).then(|| done / self.span.as_secs_f64())
    }

    /// Prints what this is beside a floor, if both were measured.
    pub(crate) fn print_beside(self, name: &str, floor: Self, floor_name: &str) {
        if let (Some(rate), Some(floor)) = (self.per_second(), floor.per_second()) {
            println!("{name}: {rate:.0}/s = {:.2} × {floor_name} ({floor:.0}/s)", rate / floor);
        }
    }
}
