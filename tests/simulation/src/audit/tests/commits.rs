//! Commits: one chain, each event once, each turn in its order and with leave.

use soma_core::contract::ledger::NOW;
use soma_core::contract::talk::{Talk, talk, talk_of};
use soma_core::conversation::chain::Chain;
use soma_core::conversation::event::{Event, EventType, NewEvent};
use soma_core::policy::Action;
use soma_core::ports::Store;
use soma_core::work::commit::Commit;
use soma_core::work::session::TurnState;

use super::{Scene, allowed, now};
use crate::audit::commits::Gist;
use crate::audit::{Invariant, Repeatable};

/// Lets the auditor see a commit that no ledger would apply.
fn forge(scene: &Scene, commit: &Commit, events: &[Event]) {
    scene.audit.books().committed(Gist::of(commit), events, NOW);
}

/// The events that would follow `before`.
fn chained(talk: &Talk, before: &[Event], events: Vec<NewEvent>) -> Vec<Event> {
    let mut chain = Chain::new(talk.session_id);
    if let Some(last) = before.last() {
        (chain.count, chain.head) = (last.seq, last.hash);
    }
    events.into_iter().map(|event| chain.append(talk.session_id, event)).collect()
}

#[test]
fn gap_in_the_numbers_is_told() {
    let (scene, talk) = (Scene::new(), talk(1));
    let mut events = chained(&talk, &[], vec![talk.said("one"), talk.said("two")]);
    events.remove(0);

    forge(&scene, &talk.says("two"), &events);

    assert_eq!(scene.broken(), [Invariant::Order]);
}

#[test]
fn event_that_is_not_what_its_hash_says_is_told() {
    let (scene, talk) = (Scene::new(), talk(1));
    let mut events = chained(&talk, &[], vec![talk.said("one")]);
    events[0].message = "another".into();

    forge(&scene, &talk.says("one"), &events);

    assert_eq!(scene.broken(), [Invariant::Chain]);
}

#[test]
fn event_that_is_recorded_twice_is_told() {
    let (scene, talk) = (Scene::new(), talk(1));
    let first = scene.commit(talk.says("one"));

    forge(&scene, &talk.says("one"), &chained(&talk, &first, vec![talk.said("one")]));

    assert_eq!(scene.broken(), [Invariant::NothingDuplicated]);
}

#[test]
fn key_that_is_accepted_twice_is_told() {
    let (scene, talk) = (Scene::new(), talk(1));
    let asks =
        |turn| Commit { request: Some(talk.request("key", "asked", turn)), ..talk.accepts(turn) };
    let first = scene.commit(asks(1));

    let second = asks(2);
    forge(&scene, &second, &chained(&talk, &first, second.events.clone()));

    assert_eq!(scene.broken(), [Invariant::NothingDuplicated]);
}

#[test]
fn second_end_of_a_turn_is_told() {
    let (scene, talk) = (Scene::new(), talk(1));
    let mut last = scene.commit(talk.accepts(1));
    let ends = Commit { decisions: vec![allowed(Action::ConversationSend)], ..talk.ends(1) };
    last.extend(scene.commit(ends));
    assert_eq!(scene.broken(), []);

    let said = talk.said("again");
    let again = NewEvent { turn_id: Some(talk.turn(1)), kind: EventType::AssistantFinal, ..said };
    forge(&scene, &talk.says("again"), &chained(&talk, &last, vec![again]));

    assert_eq!(scene.broken(), [Invariant::Order]);
}

#[test]
fn turn_that_is_done_without_an_end_is_told() {
    let (scene, talk) = (Scene::new(), talk(1));
    scene.commit(talk.accepts(1));

    scene.commit(talk.progresses(1, 1, TurnState::Done));

    assert_eq!(scene.broken(), [Invariant::Conservation]);
}

#[test]
fn turn_that_overtakes_another_is_told() {
    let (scene, talk) = (Scene::new(), talk(1));
    scene.commit(talk.accepts(1));
    scene.commit(talk.accepts(2));

    scene.commit(talk.progresses(2, 1, TurnState::Ready));

    assert_eq!(scene.broken(), [Invariant::Order]);
}

#[test]
fn answer_without_leave_is_told() {
    let (scene, talk) = (Scene::new(), talk(1));
    scene.commit(talk.accepts(1));

    scene.audit.model_called(talk.turn(1));
    scene.commit(talk.ends(1));

    assert_eq!(scene.broken(), [Invariant::FailClosed, Invariant::Budget, Invariant::FailClosed]);
}

#[test]
fn model_call_for_a_turn_that_nobody_accepted_is_told() {
    let (scene, talk) = (Scene::new(), talk(1));

    scene.audit.model_called(talk.turn(1));

    assert_eq!(scene.broken(), [Invariant::FailClosed]);
}

#[test]
fn tool_that_runs_before_it_is_claimed_is_told() {
    let (scene, talk) = (Scene::new(), talk(1));
    let decisions = vec![allowed(Action::ToolExecute)];
    scene.commit(talk.accepts(1));
    scene.commit(talk.asks(2));

    scene.audit.tool_ran(talk.call(0), Repeatable::Yes);
    scene.commit(Commit { decisions, ..talk.takes_on(1) });
    scene.audit.tool_ran(talk.call(1), Repeatable::Yes);
    scene.audit.tool_ran(talk.call(1), Repeatable::Yes);

    assert_eq!(scene.broken(), [Invariant::FailClosed, Invariant::Fencing]);
}

#[test]
fn tool_that_must_not_be_repeated_and_is_is_told() {
    let (scene, talk) = (Scene::new(), talk(1));
    scene.commit(talk.accepts(1));
    scene.commit(talk.asks(1));
    for _ in 0..2 {
        let decisions = vec![allowed(Action::ToolExecute)];
        scene.commit(Commit { decisions, ..talk.takes_on(0) });
        scene.audit.tool_ran(talk.call(0), Repeatable::No);
    }

    assert_eq!(scene.broken(), [Invariant::NothingDuplicated]);
}

#[test]
fn erased_session_that_comes_back_is_told() {
    let (scene, talk) = (Scene::new(), talk(1));
    let first = scene.commit(talk.says("one"));
    now(scene.ledger.erase(&talk.tenant, talk.session_id, NOW));

    forge(&scene, &talk.says("two"), &chained(&talk, &first, vec![talk.said("two")]));

    assert_eq!(scene.broken(), [Invariant::TenantIsolation]);
}

#[test]
fn strangers_commit_is_told() {
    let scene = Scene::new();
    let (ours, theirs) = (talk(1), talk_of("borealis", 1));
    let first = scene.commit(ours.says("one"));

    forge(&scene, &theirs.says("two"), &chained(&theirs, &first, vec![theirs.said("two")]));

    assert_eq!(scene.broken(), [Invariant::TenantIsolation]);
}
