//! Rates that are set side by side. The floor is measured in turns with what is measured, a little of
//! one after a little of the other, so that whatever else the machine does slows both.

use std::time::{Duration, Instant};

use criterion::BenchmarkGroup;
use criterion::measurement::WallTime;
use soma_benches::samples::number;

/// How much of each floor is done beside every sample.
const BESIDE: u64 = 8;

/// What was done in how long, over a whole benchmark.
#[derive(Clone, Copy, Debug, Default)]
struct Rate {
    done: u64,
    span: Duration,
}

/// What the machine alone can do: its name, and how so many of it are done.
pub(crate) type Floor<'a> = (&'a str, &'a mut dyn FnMut(u64));

/// Runs a benchmark whose `work` does so many in one go, and prints its rate beside those of the
/// floors; nothing is printed if it was filtered out.
pub(crate) fn beside(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    floors: &mut [Floor<'_>],
    mut work: impl FnMut(u64),
) {
    let mut rate = Rate::default();
    let mut alone = vec![Rate::default(); floors.len()];
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|count| {
            for ((_, floor), alone) in floors.iter_mut().zip(&mut alone) {
                alone.time(BESIDE, floor);
            }
            rate.time(count, &mut work)
        });
    });
    for ((floor, _), alone) in floors.iter().zip(alone) {
        if let (Some(rate), Some(alone)) = (rate.per_second(), alone.per_second()) {
            println!("{name}: {rate:.0}/s = {:.2} × {floor} ({alone:.0}/s)", rate / alone);
        }
    }
}

impl Rate {
    fn time(&mut self, count: u64, mut work: impl FnMut(u64)) -> Duration {
        let began = Instant::now();
        work(count);
        let span = began.elapsed();
        self.done += count;
        self.span += span;
        span
    }

    /// How many in a second; none if nothing was measured.
    fn per_second(self) -> Option<f64> {
        let done = number(usize::try_from(self.done).ok()?);
        (self.done > 0).then(|| done / self.span.as_secs_f64())
    }
}
