//! Runs simulations: whole campaigns, or one seed again.

use std::collections::BTreeSet;
use std::fmt::{Display, Write as _};
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use soma_simulation::campaign::{Campaign, Summary};
use soma_simulation::coverage::Coverage;
use soma_simulation::run::{Order, Outcome, run};
use soma_simulation::shrink::shrink;

/// A run makes and drops some hundred thousand small things.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The exit code after a run that does not come back.
const HANGS: i32 = 3;

/// Runs the whole platform in one thread under one seed, with every fault, again and again.
#[derive(Debug, Parser)]
#[command(name = "simulate")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
struct Arguments {
    /// How many seeds to run.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// How many threads run them.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Ends after so many seconds, however many seeds are left; with --covered, after three times as
    /// many if it takes so long to hit everything that is listed.
    #[arg(long)]
    seconds: Option<u64>,
    /// Prints the summary as JSON.
    #[arg(long)]
    json: bool,
    /// Fails, too, if a listed fault at a listed await point was never hit.
    #[arg(long)]
    covered: bool,
    /// Runs this one seed.
    #[arg(long)]
    seed: Option<u64>,
    /// Prints what happened in it, and the hash.
    #[arg(long, requires = "seed")]
    trace: bool,
    /// Leaves out what is not needed for it to fail.
    #[arg(long, requires = "seed")]
    shrink: bool,
    /// Spares it these misfortunes, by their places.
    #[arg(long, requires = "seed", value_delimiter = ',')]
    spare: Vec<usize>,
    /// Leaves these acts of its clients out, by their places.
    #[arg(long, requires = "seed", value_delimiter = ',')]
    leave_out: Vec<usize>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let (text, clean) = match arguments.seed {
        Some(seed) => one(seed, &arguments),
        None => many(&arguments),
    };
    // A reader that has read enough is no failure of the simulation.
    let _closed = std::io::stdout().lock().write_all(text.as_bytes());
    if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn one(seed: u64, arguments: &Arguments) -> (String, bool) {
    let mut order = Order::of(seed);
    order.spared = arguments.spare.iter().copied().collect();
    order.left_out = arguments.leave_out.iter().copied().collect();
    if arguments.shrink {
        match shrink(&order) {
            Some((smaller, _)) => order = smaller,
            None => return (format!("seed {seed} does not fail\n"), true),
        }
    }
    order.traced = arguments.trace;
    let outcome = run(&order);
    let mut text = String::new();
    for line in &outcome.lines {
        add(&mut text, format_args!("{line}"));
    }
    text += &told(&order, &outcome);
    (text, outcome.violations.is_empty())
}

fn told(order: &Order, outcome: &Outcome) -> String {
    let mut text = format!(
        "seed {}: {} messages, {} steps, {} misfortunes ({} spared), {:.1} s of virtual time, hash {:016x}\n",
        order.seed,
        outcome.messages,
        outcome.steps,
        outcome.misfortunes.len(),
        order.spared.len(),
        outcome.passed.as_secs_f64(),
        outcome.hash,
    );
    for violation in &outcome.violations {
        add(&mut text, format_args!("  broken: {violation}"));
    }
    if !outcome.violations.is_empty() {
        add(&mut text, format_args!("again: {}", retry(order)));
    }
    text
}

/// Adds a line to a text.
fn add(text: &mut String, line: impl Display) {
    let _written = writeln!(text, "{line}");
}

/// The one line that runs it again.
fn retry(order: &Order) -> String {
    let mut line = format!("cargo run --release --bin simulate -- --seed {}", order.seed);
    for (flag, places) in [("spare", &order.spared), ("leave-out", &order.left_out)] {
        if !places.is_empty() {
            let _written = write!(line, " --{flag} {}", list(places));
        }
    }
    line
}

fn list(places: &BTreeSet<usize>) -> String {
    let places: Vec<String> = places.iter().map(ToString::to_string).collect();
    places.join(",")
}

fn many(arguments: &Arguments) -> (String, bool) {
    let campaign = Campaign {
        from: arguments.from,
        seeds: arguments.seeds,
        threads: arguments.threads,
        most: arguments.seconds.map(Duration::from_secs),
        covered: arguments.covered,
    };
    let news = |so_far: &Summary| {
        let _closed = writeln!(std::io::stderr(), "{}", progress(so_far));
    };
    let summary = campaign.run(news, give_up);
    let covered = !arguments.covered || summary.coverage.never().is_empty();
    let clean = summary.failures.is_empty() && covered && summary.is_answered();
    let text = if arguments.json {
        serde_json::to_string(&summary).map(|json| json + "\n").unwrap_or_default()
    } else {
        summed_up(&summary)
    };
    (text, clean)
}

/// Names a seed whose run does not come back, and ends: nothing else could end it.
fn give_up(seed: u64) {
    let again = retry(&Order::of(seed));
    let text = format!("seed {seed} failed: hangs: a poll does not come back\n  again: {again}\n");
    let _closed = std::io::stdout().lock().write_all(text.as_bytes());
    std::process::exit(HANGS);
}

fn progress(summary: &Summary) -> String {
    let Summary { runs, seconds, runs_per_second, failures, .. } = summary;
    format!("{runs} runs in {seconds:.0} s, {runs_per_second:.0}/s, {} failed", failures.len())
}

fn summed_up(summary: &Summary) -> String {
    let never = summary.coverage.never();
    let mut text = format!(
        "seeds {} to {}: {}\n{} messages, {} steps, {} misfortunes, hash {:016x}\ncovered {} of {} faults at await points\n",
        summary.from,
        summary.from + summary.runs,
        progress(summary),
        summary.messages,
        summary.steps,
        summary.misfortunes,
        summary.hash,
        Coverage::listed().saturating_sub(never.len()),
        Coverage::listed(),
    );
    for (how, many) in &summary.endings {
        add(&mut text, format_args!("  {how}: {many} turns"));
    }
    if !summary.is_answered() {
        add(&mut text, "too few turns were answered");
    }
    for never in never {
        add(&mut text, format_args!("  never: {never}"));
    }
    for unlisted in summary.coverage.unlisted() {
        add(&mut text, format_args!("  not listed: {unlisted}"));
    }
    for (seed, what) in &summary.failures {
        add(&mut text, format_args!("seed {seed} failed: {}", what.join("; ")));
        add(&mut text, format_args!("  again: {}", retry(&Order::of(*seed))));
    }
    text
}
