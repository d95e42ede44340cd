//! Which dialect is spoken, and how it is found out.

use std::time::Duration;

use serde_json::json;
use soma_somabrain::{ApiKey, Dialect, SomaBrainConfig};
use soma_tests::somabrain::{Fault, Generation, Rule};

use crate::world::{End, World, asks, said};

/// What is asked first of each generation, to remember.
const REMEMBERED_AT: [(Generation, &str); 5] = [
    (Generation::G0, "/remember"),
    (Generation::G1, "/remember"),
    (Generation::G2, "/memory/remember/batch"),
    (Generation::G3, "/api/memory/remember/batch"),
    (Generation::G4, "/api/memory/remember/batch"),
];

/// Row 18: whichever generation comes after which.
#[tokio::test]
async fn dialect_is_found_out_once_and_again_when_it_has_changed() {
    for (first, first_path) in REMEMBERED_AT {
        for (then, then_path) in REMEMBERED_AT {
            let world = World::new(first);
            for number in 1..4 {
                assert_eq!(world.remember(&[said("acme", number, "heron")]).await, [End::Done]);
            }
            let probes = |world: &World| {
                ["/openapi.json", "/api/openapi.json"].map(|path| world.brain.count(path))
            };
            let before = probes(&world);
            assert!(before.iter().sum::<usize>() <= 2, "{first:?}: {before:?}");
            assert!(world.brain.count(first_path) > 0, "{first:?}");

            world.brain.restart_as(then);
            let write = said("acme", 4, "osprey");
            assert_eq!(world.remember(&[write]).await, [End::Done], "{first:?} to {then:?}");
            assert_eq!(world.found(&asks("acme", "osprey")).await, ["osprey"]);
            // Generation 2 still knows what those before it know, and 4 what 2 knows.
            let (g2, g4) = (Generation::G2, Generation::G4);
            let known = first_path == then_path
                || (first < g2 && then == g2)
                || (first == g2 && then == g4);
            assert_eq!(probes(&world) == before, known, "{first:?} to {then:?}");
            assert!(known || world.brain.count(then_path) > 0, "{first:?} to {then:?}");
        }
    }
}

#[tokio::test]
async fn dialect_that_is_pinned_is_not_asked_for_and_not_doubted() {
    let pinned = |config| SomaBrainConfig { dialect: Some(Dialect::G3), ..config };
    let world = World::with(Generation::G4, pinned);
    world.remember(&[said("acme", 1, "heron")]).await;
    world.brain.restart_as(Generation::G2);

    assert_eq!(world.remember(&[said("acme", 2, "heron")]).await, [End::Unavailable]);

    assert_eq!(world.brain.count("/openapi.json"), 0);
}

#[tokio::test]
async fn server_that_keeps_its_description_secret_is_told_by_its_health() {
    for generation in [Generation::G2, Generation::G3, Generation::G4] {
        let world = World::new(generation);
        world.brain.rule(Rule::new("openapi.json", Fault::json(403, &json!({"detail": "no"}))));

        assert_eq!(world.remember(&[said("acme", 1, "heron")]).await, [End::Done]);
    }
}

#[tokio::test]
async fn server_of_another_kind_is_doubted_once_a_minute() {
    let world = World::new(Generation::G4);
    world.remember(&[said("acme", 1, "heron")]).await;
    world.brain.rule(Rule::new("/memory/recall", Fault::answer(404, "text/html", "no")));
    let probes = || world.brain.count("/openapi.json");

    for (expected, seconds) in [(2, 0), (2, 0), (2, 59), (3, 2), (3, 0)] {
        world.clock.advance(Duration::from_secs(seconds));
        assert_eq!(world.remember(&[said("acme", 2, "heron")]).await, [End::Unavailable]);
        assert_eq!(probes(), expected, "after {seconds} s");
    }
}

#[tokio::test]
async fn token_is_sent_and_never_told() {
    for generation in Generation::ALL {
        let world = World::with(generation, |config| SomaBrainConfig {
            api_key: Some(ApiKey::new("open-sesame")),
            ..config
        });
        world.brain.demand("open-sesame");
        assert_eq!(world.remember(&[said("acme", 1, "heron")]).await, [End::Done]);

        world.brain.demand("another");
        let error = soma_core::ports::Memory::recall(&world.memory, &asks("acme", "heron")).await;
        let error = format!("{:?}", error.unwrap_err());
        assert!(error.contains("40") && !error.contains("sesame"), "{generation:?}: {error}");
    }
}
