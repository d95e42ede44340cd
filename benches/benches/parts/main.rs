//! What the parts cost: `cargo bench -p soma-benches`, or with a word after `--` for some of them.
//!
//! What has a floor prints its ratio to it at the end; see `docs/benchmarks.md`.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "benchmarks measure real time, for a person to read; a failed unwrap is a failed run"
)]

mod commits;
mod envelopes;
mod hub;
mod kafka;
mod log;
mod memory;
mod sample;
mod sse;
mod timing;
mod turn;
mod window;

use std::time::Duration;

use criterion::Criterion;

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1_500))
        .without_plots()
        .configure_from_args();
    turn::bench(&mut criterion);
    envelopes::bench(&mut criterion);
    window::bench(&mut criterion);
    sse::bench(&mut criterion);
    hub::bench(&mut criterion);
    memory::bench(&mut criterion);
    log::bench(&mut criterion);
    kafka::bench(&mut criterion);
    commits::bench(&mut criterion);
    criterion.final_summary();
}
