use soma_simulation::run::{Order, run};

/// Seeds in which something was found once, one to a line: the seed, and what it was.
const SEEDS: &str = include_str!("../../seeds.txt");

#[test]
fn nothing_is_found_any_more_where_something_was_found_once() {
    let lines = SEEDS.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut failed = Vec::new();
    for line in lines {
        let (seed, what) = line.split_once(' ').unwrap();
        let outcome = run(&Order::of(seed.parse().unwrap()));
        if !outcome.violations.is_empty() {
            failed.push(format!("seed {seed} ({what}): {:?}", outcome.violations));
        }
    }

    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
