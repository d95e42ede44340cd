//! When the server is left alone.

use std::time::Duration;

use serde_json::json;
use soma_core::ports::Memory;
use soma_tests::somabrain::{Fault, Generation, Rule};

use crate::world::{End, World, asks, said};

async fn recall(world: &World) -> End {
    End::of(&world.memory.recall(&asks("acme", "heron")).await)
}

async fn known() -> World {
    let world = World::new(Generation::G4);
    world.remember(&[said("acme", 1, "the heron")]).await;
    world
}

#[tokio::test]
async fn server_that_fails_is_left_alone_and_tried_again() {
    let world = known().await;
    let before = world.brain.count("/api/memory/recall");
    world.brain.rule(Rule::new("/recall", Fault::json(503, &json!({"detail": "away"}))));
    for _ in 0..5 {
        assert_eq!(recall(&world).await, End::Unavailable);
    }
    assert_eq!(world.brain.count("/api/memory/recall"), before + 3, "two were not sent");

    world.clock.advance(Duration::from_secs(16));
    assert_eq!(recall(&world).await, End::Unavailable);
    assert_eq!(recall(&world).await, End::Unavailable);
    assert_eq!(world.brain.count("/api/memory/recall"), before + 4, "one tried");

    world.brain.behave();
    world.clock.advance(Duration::from_secs(16));
    assert_eq!(recall(&world).await, End::Done);
    assert_eq!(recall(&world).await, End::Done);
}

#[tokio::test]
async fn server_that_says_when_is_left_alone_until_then() {
    let limited = || Fault::json(429, &json!({"error": "Rate limit exceeded"}));
    for (after, seconds) in
        [("30", 30), ("Mon, 03 Nov 2025 12:00:30 GMT", 30), ("86400", 120), ("1e300", 120)]
    {
        let world = known().await;
        let before = world.brain.count("/api/memory/recall");
        world.brain.rule(Rule::new("/recall", limited().with("retry-after", after)).times(1));
        assert_eq!(recall(&world).await, End::Unavailable, "{after}");

        world.clock.advance(Duration::from_secs(seconds - 1));
        assert_eq!(recall(&world).await, End::Unavailable, "{after}");
        assert_eq!(world.brain.count("/api/memory/recall"), before + 1, "{after}");

        world.clock.advance(Duration::from_secs(1));
        assert_eq!(recall(&world).await, End::Done, "{after}");
    }
}

#[tokio::test]
async fn refusals_do_not_open_the_breaker() {
    for status in [401, 403, 404, 413, 422, 429] {
        let world = known().await;
        world.brain.rule(Rule::new("/recall", Fault::json(status, &json!({"detail": "no"}))));
        for _ in 0..5 {
            assert_ne!(recall(&world).await, End::Done, "{status}");
        }

        world.brain.behave();
        assert_eq!(recall(&world).await, End::Done, "{status}");
    }
}

/// A call that hangs keeps no other waiting.
#[tokio::test]
async fn calls_do_not_wait_for_each_other() {
    let world = known().await;
    world.brain.rule(Rule::new("/memory/remember/batch", Fault::Hang));
    let write = [said("acme", 2, "the osprey")];
    let mut hanging = Box::pin(world.memory.remember(&write));

    tokio::select! {
        biased;
        result = &mut hanging => panic!("it was to hang: {result:?}"),
        end = recall(&world) => assert_eq!(end, End::Done),
    }
}
