//! Ports that fail on order.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join;
use futures_util::{StreamExt, pin_mut, poll};
use soma_core::contract::model::request;
use soma_core::conversation::model::ModelFailure;
use soma_core::outbox::message::Record;
use soma_core::outbox::topic::Topic;
use soma_core::ports::log::Fetched;
use soma_core::ports::model::ModelEvent;
use soma_core::ports::{Log, Model, PortError, Vault};
use soma_core::time::Timestamp;
use soma_decorators::{FaultKind, FaultPlan, Faulty, Hit, Point};
use soma_inproc::{InprocLog, InprocVault, ManualClock, ManualTimer, Script, ScriptedModel};

const TOPIC: Topic = Topic::MemoryWal;

struct World {
    clock: Arc<ManualClock>,
    plan: Arc<FaultPlan>,
    log: Faulty<dyn Log>,
    vault: Faulty<InprocVault>,
}

fn world() -> World {
    let clock = Arc::new(ManualClock::at(Timestamp::from_micros(0)));
    let timer = Arc::new(ManualTimer::new(Arc::clone(&clock)));
    let plan = FaultPlan::with_delay(Arc::clone(&timer) as _, Duration::from_secs(1));
    let log: Arc<dyn Log> = Arc::new(InprocLog::new(timer));
    World {
        log: Faulty::new(log, Arc::clone(&plan)),
        vault: Faulty::new(Arc::new(InprocVault::new()), Arc::clone(&plan)),
        clock,
        plan,
    }
}

fn record(value: &str) -> Vec<Record> {
    let at = Timestamp::from_micros(0);
    vec![Record {
        key: String::new(),
        value: value.to_owned().into(),
        headers: BTreeMap::new(),
        at,
    }]
}

async fn published(world: &World) -> Vec<String> {
    match world.log.fetch(TOPIC, 0, 0, 1_000, Duration::ZERO).await.unwrap() {
        Fetched::Records(found) => found
            .into_iter()
            .map(|found| String::from_utf8_lossy(&found.record.value).into_owned())
            .collect(),
        Fetched::OutOfRange(bounds) => panic!("{bounds:?}"),
        Fetched::Unreadable { offset, found } => panic!("{offset}: {found:?}"),
    }
}

#[tokio::test]
async fn calls_of_all_ports_are_counted_in_order_and_only_the_armed_one_suffers() {
    let world = world();
    world.plan.arm(3, FaultKind::Refuse);

    world.log.publish(TOPIC, 0, record("a")).await.unwrap();
    world.vault.put_secret("one", b"s").await.unwrap();
    let third = world.vault.secret("one").await;
    let fourth = world.vault.secret("one").await;

    assert!(matches!(third, Err(PortError::Unavailable(_))), "{third:?}");
    assert_eq!(fourth.unwrap(), Some(b"s".to_vec()));
    assert_eq!(world.plan.calls(), 4);
    let hit = Hit { call: 3, point: Point::Secret, kind: FaultKind::Refuse };
    assert_eq!(world.plan.hits(), [hit]);
}

#[tokio::test]
async fn refused_call_is_not_done() {
    let world = world();
    world.plan.arm(1, FaultKind::Refuse);

    let refused = world.log.publish(TOPIC, 0, record("a")).await;

    assert!(matches!(refused, Err(PortError::Unavailable(_))), "{refused:?}");
    assert_eq!(published(&world).await, [""; 0]);
}

#[tokio::test]
async fn call_whose_reply_is_lost_is_done() {
    let world = world();
    world.plan.arm(1, FaultKind::LoseReply);

    let lost = world.log.publish(TOPIC, 0, record("a")).await;

    assert!(matches!(lost, Err(PortError::Ambiguous(_))), "{lost:?}");
    assert_eq!(published(&world).await, ["a"]);
}

#[tokio::test]
async fn outcome_of_a_read_is_never_unknown() {
    let world = world();
    world.plan.arm(1, FaultKind::LoseReply);

    let lost = world.log.bounds(TOPIC, 0).await;

    assert!(matches!(lost, Err(PortError::Unavailable(_))), "{lost:?}");
}

#[tokio::test]
async fn delayed_call_is_done_when_its_time_has_come() {
    let world = world();
    world.plan.arm(1, FaultKind::Delay);
    let publish = world.log.publish(TOPIC, 0, record("a"));
    pin_mut!(publish);
    assert!(poll!(&mut publish).is_pending());
    assert_eq!(published(&world).await, [""; 0]);

    world.clock.advance(Duration::from_secs(1));
    publish.await.unwrap();

    assert_eq!(published(&world).await, ["a"]);
}

#[tokio::test]
async fn duplicated_call_is_done_twice_and_answered_once() {
    let world = world();
    world.plan.arm(1, FaultKind::Duplicate);

    let offset = world.log.publish(TOPIC, 0, record("a")).await.unwrap();

    assert_eq!(offset, 1);
    assert_eq!(published(&world).await, ["a", "a"]);
}

#[tokio::test]
async fn reordered_call_is_overtaken() {
    let world = world();
    world.plan.arm(1, FaultKind::Reorder);

    let first = world.log.publish(TOPIC, 0, record("first"));
    let second = world.log.publish(TOPIC, 0, record("second"));
    let (first, second) = join(first, second).await;

    assert_eq!((first.unwrap(), second.unwrap()), (1, 0));
    assert_eq!(published(&world).await, ["second", "first"]);
}

#[tokio::test]
async fn model_whose_reply_is_lost_breaks_off_after_some_text() {
    let (model, inner) = model(FaultKind::LoseReply);

    let events: Vec<_> = model.generate(request("hello")).await.unwrap().collect().await;

    let text = ModelEvent::Text("a ".into());
    assert_eq!(events, [Ok(text), Err(ModelFailure::Broken)]);
    assert_eq!(inner.requests().len(), 1);
}

#[tokio::test]
async fn refused_model_is_not_asked() {
    let (model, inner) = model(FaultKind::Refuse);

    let refused = model.generate(request("hello")).await.err();

    assert!(matches!(refused, Some(ModelFailure::Unavailable(_))), "{refused:?}");
    assert!(inner.requests().is_empty());
}

#[tokio::test]
async fn duplicated_model_call_is_asked_twice_and_one_answer_is_heard() {
    let (model, inner) = model(FaultKind::Duplicate);

    let stream = model.generate(request("hello")).await.unwrap();

    assert_eq!((inner.requests().len(), inner.under_way()), (2, 1));
    assert_eq!(stream.count().await, 3);
}

fn model(kind: FaultKind) -> (Faulty<ScriptedModel>, Arc<ScriptedModel>) {
    let clock = Arc::new(ManualClock::at(Timestamp::from_micros(0)));
    let timer = Arc::new(ManualTimer::new(clock));
    let plan = FaultPlan::new(Arc::clone(&timer) as _);
    plan.arm(1, kind);
    let answer = Script::answer("a heron");
    let inner = Arc::new(ScriptedModel::new(answer, timer, Duration::from_secs(1)));
    (Faulty::new(Arc::clone(&inner), plan), inner)
}

async fn hits_at_random(seed: u64, calls: usize) -> Vec<Hit> {
    let world = world();
    world.plan.at_random(seed, 10);
    for _ in 0..calls {
        let secret = world.vault.secret("one");
        pin_mut!(secret);
        // A delayed call never ends: time stands still.
        while poll!(&mut secret).is_pending() && world.clock.next_deadline().is_none() {}
    }
    world.plan.hits()
}

#[tokio::test]
async fn same_seed_hits_the_same_calls() {
    let (one, again, other) = (
        hits_at_random(1, 1_000).await,
        hits_at_random(1, 1_000).await,
        hits_at_random(2, 1_000).await,
    );

    assert_eq!(one, again);
    assert_ne!(one, other);
}

#[tokio::test]
async fn one_call_in_so_many_is_hit_by_any_kind() {
    let hits = hits_at_random(7, 10_000).await;

    assert!((800..1_200).contains(&hits.len()), "{}", hits.len());
    for kind in FaultKind::ALL {
        let share = hits.iter().filter(|hit| hit.kind == kind).count();
        assert!((120..280).contains(&share), "{kind:?}: {share}");
    }
}

#[tokio::test]
async fn calm_plan_hits_nothing() {
    let world = world();
    world.plan.at_random(1, 1);
    world.plan.arm(1, FaultKind::Refuse);

    world.plan.calm();
    world.vault.secret("one").await.unwrap();

    assert!(world.plan.hits().is_empty());
}
