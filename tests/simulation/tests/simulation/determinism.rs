use serde_json::Value;
use soma_simulation::run::{Order, run};

use crate::binary::{debug, release, says};

/// What a thousand seeds come to.
fn thousand(program: &std::path::Path) -> Value {
    let said = says(program, &["--seeds", "1000", "--threads", "2", "--json"]);
    let summary: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&summary["runs"], &summary["failures"]), (&1_000.into(), &serde_json::json!({})));
    summary["hash"].clone()
}

#[test]
fn thousand_seeds_do_the_same_twice_and_in_both_builds() {
    let first = thousand(&debug());

    if let Some(release) = release() {
        assert_eq!(thousand(&release), first, "the builds differ");
        assert_eq!(thousand(&release), first, "the second time differs");
    } else {
        assert_eq!(thousand(&debug()), first, "the second time differs");
    }
}

#[test]
fn seed_decides_every_line_of_the_trace() {
    let order = Order { traced: true, ..Order::of(11) };

    let (first, second) = (run(&order), run(&order));

    assert!(first.lines.len() > 100, "only {} lines", first.lines.len());
    assert_eq!((first.hash, first.lines), (second.hash, second.lines));
}

#[test]
fn seeds_differ() {
    let hashes: std::collections::BTreeSet<u64> =
        (0..20).map(|seed| run(&Order::of(seed)).hash).collect();

    assert_eq!(hashes.len(), 20);
}

#[test]
fn trace_changes_nothing() {
    let order = Order::of(3);

    let (plain, traced) = (run(&order), run(&Order { traced: true, ..order.clone() }));

    assert_eq!(plain.hash, traced.hash);
}

#[test]
fn what_is_spared_does_not_strike() {
    let seed = (0..1_000).find(|seed| run(&Order::of(*seed)).misfortunes.len() > 3).unwrap();
    let all = run(&Order::of(seed));
    let spared = Order { spared: (0..1_000).collect(), ..Order::of(seed) };

    let spared = run(&spared);

    assert_ne!(spared.hash, all.hash);
    assert!(spared.violations.is_empty(), "{:?}", spared.violations);
}
