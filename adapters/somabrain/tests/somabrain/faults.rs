//! One row for each fault of SomaBrain: what becomes of the call that it meets. When it is over, the same
//! writes are made, and everything is found once.

use std::time::Duration;

use serde_json::{Value, json};
use soma_core::ports::Memory;
use soma_tests::somabrain::{Fault, Generation, Rule};

use crate::world::{End, World, asks, said};
use End::{Ambiguous, Broken, Done, Unavailable};

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Remember,
    /// Of what is there already.
    Again,
    Recall,
}
use Call::{Again, Recall, Remember};

/// A fault; `u32::MAX` times is always.
struct Row(u8, &'static str, Call, Fault, u32, End);

const ALWAYS: u32 = u32::MAX;

fn page(status: u16) -> Fault {
    Fault::answer(status, "text/html", "<!doctype html><h1>No</h1>")
}

fn plain(status: u16, text: &str) -> Fault {
    Fault::answer(status, "text/plain", text)
}

fn detail(status: u16, detail: &Value) -> Fault {
    Fault::json(status, &json!({"detail": detail}))
}

fn mistake(place: &Value) -> Fault {
    detail(422, &json!([{"type": "missing", "loc": place, "msg": "Field required"}]))
}

fn busy(after: &str) -> Fault {
    Fault::json(429, &json!({"error": "Rate limit exceeded"})).with("retry-after", after)
}

fn failed() -> Value {
    json!({"error": "Cognitive processing error", "recovery_suggestions": []})
}

/// What a write meets.
fn writing() -> Vec<Row> {
    let open = json!({"message": "the memory is away", "breaker_open": true});
    let later = json!({"persisted_to_ltm": false, "queued_for_ltm": true});
    let later = json!({"ok": true, "results": [later, later]});
    vec![
        Row(1, "reset", Remember, Fault::Reset, ALWAYS, Ambiguous),
        Row(2, "late", Remember, Fault::Late(50), ALWAYS, Done),
        Row(2, "hangs", Remember, Fault::Hang, ALWAYS, Ambiguous),
        Row(3, "once not stored", Remember, Fault::NotStored, 1, Done),
        Row(3, "never stored", Remember, Fault::NotStored, ALWAYS, Ambiguous),
        Row(4, "queued for replay", Remember, Fault::Replayed, ALWAYS, Ambiguous),
        Row(5, "queued", Remember, Fault::json(200, &later), ALWAYS, Ambiguous),
        Row(6, "with a warning", Remember, Fault::Warned, ALWAYS, Done),
        Row(7, "500", Remember, Fault::json(500, &failed()), ALWAYS, Ambiguous),
        Row(7, "502", Remember, detail(502, &"store failed".into()), ALWAYS, Ambiguous),
        Row(7, "503 text", Remember, detail(503, &"pool unavailable".into()), ALWAYS, Ambiguous),
        Row(7, "503 object", Remember, detail(503, &open), ALWAYS, Ambiguous),
        Row(7, "200 with an error", Remember, Fault::json(200, &failed()), ALWAYS, Ambiguous),
        Row(7, "200 not ok", Remember, Fault::json(200, &json!({"ok": false})), ALWAYS, Ambiguous),
        Row(8, "429", Remember, detail(429, &"rate limit".into()), ALWAYS, Unavailable),
        Row(8, "429 for 7 s", Remember, busy("7"), ALWAYS, Unavailable),
        Row(9, "401", Remember, detail(401, &"Unauthorized".into()), ALWAYS, Unavailable),
        Row(10, "404 once", Remember, detail(404, &"Not Found".into()), 1, Done),
        Row(10, "404 always", Remember, page(404), ALWAYS, Unavailable),
        Row(11, "409", Again, detail(409, &"exists".into()), ALWAYS, Done),
        Row(12, "413", Remember, plain(413, "too long"), ALWAYS, Broken),
        Row(12, "400 page", Remember, page(400), ALWAYS, Broken),
        Row(13, "422 of an item", Remember, mistake(&json!(["body", "items", 0])), ALWAYS, Broken),
        Row(13, "400", Remember, detail(400, &"unsafe characters".into()), ALWAYS, Broken),
        Row(14, "200 page", Remember, page(200), ALWAYS, Ambiguous),
        Row(14, "no results", Remember, Fault::json(200, &json!({})), ALWAYS, Ambiguous),
        Row(15, "cut", Remember, Fault::Cut, ALWAYS, Ambiguous),
        Row(16, "doubles and others", Remember, Fault::Repeated, ALWAYS, Done),
        Row(19, "partly stored", Remember, Fault::PartlyStored(200), 1, Done),
        Row(19, "partly stored, 503", Remember, Fault::PartlyStored(503), ALWAYS, Ambiguous),
    ]
}

/// What a recall meets.
fn reading() -> Vec<Row> {
    vec![
        Row(1, "reset", Recall, Fault::Reset, ALWAYS, Unavailable),
        Row(2, "late", Recall, Fault::Late(50), ALWAYS, Done),
        Row(2, "hangs", Recall, Fault::Hang, ALWAYS, Unavailable),
        Row(7, "500", Recall, Fault::json(500, &failed()), ALWAYS, Unavailable),
        Row(7, "503 plain", Recall, plain(503, "policy deny"), ALWAYS, Unavailable),
        Row(7, "504", Recall, detail(504, &"timeout".into()), ALWAYS, Unavailable),
        Row(7, "200 with an error", Recall, Fault::json(200, &failed()), ALWAYS, Unavailable),
        Row(8, "429 until", Recall, busy("Mon, 03 Nov 2025 12:00:30 GMT"), ALWAYS, Unavailable),
        Row(8, "429 absurd", Recall, busy("1e99"), ALWAYS, Unavailable),
        Row(8, "429 nonsense", Recall, busy("soon"), ALWAYS, Unavailable),
        Row(
            9,
            "403",
            Recall,
            detail(403, &"OPA policy denied request".into()),
            ALWAYS,
            Unavailable,
        ),
        Row(10, "404 page once", Recall, page(404), 1, Done),
        Row(10, "405 once", Recall, plain(405, "Method not allowed"), 1, Done),
        Row(10, "404 always", Recall, page(404), ALWAYS, Unavailable),
        Row(13, "422 of the form", Recall, mistake(&json!(["query", "payload"])), 1, Done),
        Row(14, "200 page", Recall, page(200), ALWAYS, Unavailable),
        Row(14, "half of a document", Recall, plain(200, "{\"results\": [{"), ALWAYS, Unavailable),
        Row(
            14,
            "no results",
            Recall,
            Fault::json(200, &json!({"degraded": true})),
            ALWAYS,
            Unavailable,
        ),
        Row(14, "null", Recall, plain(200, "null"), ALWAYS, Unavailable),
        Row(15, "cut", Recall, Fault::Cut, ALWAYS, Unavailable),
        Row(15, "events", Recall, plain(200, "data: {}\n\ndata: x\n\n"), ALWAYS, Unavailable),
        Row(16, "doubles and others", Recall, Fault::Repeated, ALWAYS, Done),
    ]
}

fn rows() -> impl Iterator<Item = Row> {
    writing().into_iter().chain(reading())
}

async fn is_met(generation: Generation, row: Row) {
    let Row(number, name, call, fault, times, end) = row;
    let label = format!("{generation:?}, row {number}, {name}, {call:?}");
    let mut world = World::new(generation);
    let before = said("acme", 1, "the heron stands");
    let writes = [said("acme", 2, "the osprey flies"), said("acme", 3, "the crane calls")];
    assert_eq!(world.remember(std::slice::from_ref(&before)).await, [Done], "{label}");
    let path = match (call, generation) {
        (Recall, _) => "/recall",
        (_, Generation::G0 | Generation::G1) => "/remember",
        _ => "/memory/remember/batch",
    };
    // Who waits for what hangs is impatient; everything else may take its time.
    let patient = (fault == Fault::Hang).then(|| world.lose_patience());
    world.brain.rule(Rule::new(path, fault).times(times));

    match call {
        Remember => assert_eq!(world.remember(&writes).await, [end; 2], "{label}"),
        Again => assert_eq!(world.remember(&[before]).await, [end], "{label}"),
        Recall => {
            let found = world.memory.recall(&asks("acme", "heron")).await;
            assert_eq!(End::of(&found), end, "{label}: {found:?}");
            let texts = found.unwrap_or_default().into_iter().map(|hit| hit.text);
            assert_eq!(texts.count(), usize::from(end == Done), "{label}");
        }
    }

    world.memory = patient.unwrap_or(world.memory);
    world.brain.behave();
    world.clock.advance(Duration::from_mins(3));
    assert_eq!(world.remember(&writes).await, [Done; 2], "after {label}");
    let mut found = world.found(&asks("acme", "")).await;
    found.sort();
    assert_eq!(found, ["the crane calls", "the heron stands", "the osprey flies"], "{label}");
}

#[tokio::test]
async fn every_fault_is_told_for_what_it_is_and_harms_nothing_in_g1() {
    for row in rows() {
        is_met(Generation::G1, row).await;
    }
}

#[tokio::test]
async fn every_fault_is_told_for_what_it_is_and_harms_nothing_in_g2() {
    for row in rows() {
        is_met(Generation::G2, row).await;
    }
}

#[tokio::test]
async fn every_fault_is_told_for_what_it_is_and_harms_nothing_in_g4() {
    for row in rows() {
        is_met(Generation::G4, row).await;
    }
}

/// Row 1: a server that is not there is told from one that did not answer.
#[tokio::test]
async fn server_that_is_away_was_not_asked() {
    let mut world = World::new(Generation::G4);
    world.brain = soma_tests::somabrain::SomaBrain::start(Generation::G4).unwrap();

    assert_eq!(world.remember(&[said("acme", 1, "the heron")]).await, [Unavailable]);
    let found = world.memory.recall(&asks("acme", "heron")).await;
    assert_eq!(End::of(&found), Unavailable);
}

/// Rows 12 and 13: of what is sent together only what is refused is lost.
#[tokio::test]
async fn memory_that_is_too_long_harms_no_other() {
    for generation in [Generation::G2, Generation::G4] {
        let world = World::new(generation);
        let long = "heron".repeat(300_000);
        let writes = [said("acme", 1, "one"), said("acme", 2, &long), said("acme", 3, "three")];

        let ends = world.remember(&writes).await;

        let expected = if generation == Generation::G4 { Broken } else { Done };
        assert_eq!(ends, [Done, expected, Done], "{generation:?}");
    }
}

/// Row 14: what is too much to be read is not.
#[tokio::test]
async fn endless_answer_is_not_read_to_its_end() {
    let world = World::new(Generation::G4);
    world.remember(&[said("acme", 1, "the heron")]).await;
    world.brain.rule(Rule::new("/recall", plain(200, &" ".repeat(65 << 20))));

    let found = world.memory.recall(&asks("acme", "heron")).await;

    assert_eq!(End::of(&found), Unavailable);
}

/// Row 17: a lying, slow health does not matter: it is not asked.
#[tokio::test]
async fn health_is_asked_by_nobody() {
    let world = World::new(Generation::G4);
    world.brain.rule(Rule::new("/health", Fault::Hang));
    world.brain.rule(Rule::new("/healthz", Fault::Hang));

    assert_eq!(world.remember(&[said("acme", 1, "the heron")]).await, [Done]);
    assert_eq!(world.found(&asks("acme", "heron")).await, ["the heron"]);
}

/// Row 20: whatever the server does to its own times, what was said was said when it was said.
#[tokio::test]
async fn time_of_a_memory_is_that_of_its_record() {
    let world = World::new(Generation::G4);
    let write = said("acme", 1, "the heron");
    world.remember(std::slice::from_ref(&write)).await;
    for time in
        [json!("2031-01-01T00:00:00Z"), json!(1_900_000_000_000_u64), json!(-1.5), json!(null)]
    {
        for mut payload in world.brain.stored() {
            payload["timestamp"] = time.clone();
            let (universe, key) = (payload["universe"].clone(), payload["key"].clone());
            world.brain.plant(universe.as_str().unwrap(), key.as_str().unwrap(), payload);
        }

        let hits = world.memory.recall(&asks("acme", "heron")).await.unwrap();

        assert_eq!(hits.iter().map(|hit| hit.at).collect::<Vec<_>>(), [write.at], "{time}");
    }
}
