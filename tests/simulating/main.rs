//! The example of `docs/simulating.md`, built and run as the page shows it.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

include!("example.rs");

const PAGE: &str = include_str!("../../docs/simulating.md");

#[test]
fn page_shows_the_example() {
    let shown = PAGE.split("```rust\n").nth(1).and_then(|rest| rest.split("```").next());

    assert_eq!(shown, Some(include_str!("example.rs")));
}

#[test]
fn flow_holds_in_every_seed() {
    let failed: Vec<u64> = (0..2_000).filter(|seed| !holds(*seed, false)).collect();

    assert_eq!(failed, [0; 0]);
}

#[test]
fn bug_is_found() {
    let found = (0..100).filter(|seed| !holds(*seed, true)).count();

    assert!(found > 1, "in {found} of 100 seeds");
}

#[test]
#[should_panic(expected = "Tickets.take was called by no process")]
fn port_that_was_not_wrapped_is_told() {
    let simulation = Simulation::new(1, Weather::fair());
    let nature = simulation.nature();
    let tickets = nature.guard(Arc::new(InMemory::default()) as Arc<dyn Tickets>);
    nature.process("clerk", 1).spawn(async move { serve(&*tickets, false).await });

    simulation.run(100, || false);
}
