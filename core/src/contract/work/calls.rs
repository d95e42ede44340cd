//! Tool calls as work, and the turns that wait for them.

use std::time::Duration;

use super::super::Fixture;
use super::super::ledger::{Ledger, TTL};
use super::super::talk::{Talk, talk};
use crate::outbox::topic::Topic;
use crate::outbox::wire::Subject;
use crate::ports::work::{CancelledTurn, Heartbeat, Release};
use crate::tool::CallState;
use crate::work::commit::{Cancel, Commit, WorkKind};
use crate::work::session::TurnState;

/// A ledger with a turn that waits for so many calls.
async fn waiting(fixture: &impl Fixture<Port = Ledger>, talk: &Talk, calls: usize) -> Ledger {
    let ledger = fixture.open().await;
    ledger.ready(talk, 1).await;
    ledger.commit(talk.asks(calls)).await;
    ledger
}

async fn has_work(ledger: &Ledger, kind: WorkKind) -> bool {
    ledger.work.depth(kind).await.unwrap() == 1
}

pub async fn calls_are_claimed_once_one_arrived_and_is_not_done(
    fixture: impl Fixture<Port = Ledger>,
) {
    let talk = talk(1);
    let ledger = waiting(&fixture, &talk, 2).await;
    let before = ledger.claim(WorkKind::Calls).await;

    ledger.arrive(&talk, Subject::ToolRequest(talk.call(1))).await;

    let arrived = ledger.claim(WorkKind::Calls).await.unwrap();
    ledger.work.release(&arrived, Release::Orderly, Duration::ZERO).await.unwrap();
    ledger.commit(talk.finishes(1)).await;
    assert_eq!(before, None);
    assert_eq!((arrived.session_id, arrived.turn_id), (talk.session_id, None));
    assert_eq!(ledger.claim(WorkKind::Calls).await, None);
}

pub async fn call_whose_executor_died_is_claimed_again(fixture: impl Fixture<Port = Ledger>) {
    let talk = talk(1);
    let ledger = waiting(&fixture, &talk, 1).await;
    ledger.arrive(&talk, Subject::ToolRequest(talk.call(0))).await;
    let first = ledger.claim(WorkKind::Calls).await.unwrap();
    ledger.commit(talk.takes_on(0)).await;

    let second = ledger.claim_after(WorkKind::Calls, 31).await.unwrap();

    assert!(second.epoch > first.epoch);
    assert_eq!(ledger.store.call(talk.call(0)).await.unwrap().unwrap().tries, 1);
}

pub async fn request_that_arrives_again_changes_nothing(fixture: impl Fixture<Port = Ledger>) {
    let talk = talk(1);
    let ledger = waiting(&fixture, &talk, 1).await;
    ledger.arrive(&talk, Subject::ToolRequest(talk.call(0))).await;
    ledger.commit(talk.takes_on(0)).await;

    ledger.arrive(&talk, Subject::ToolRequest(talk.call(0))).await;

    let call = ledger.store.call(talk.call(0)).await.unwrap().unwrap();
    assert_eq!((call.state, call.tries), (CallState::Claimed, 1));
    assert_eq!(ledger.published(Topic::ConversationInboundDlq).await, []);
}

pub async fn waiting_turn_is_claimed_once_all_its_results_are_delivered(
    fixture: impl Fixture<Port = Ledger>,
) {
    let talk = talk(1);
    let ledger = waiting(&fixture, &talk, 2).await;
    let mut had_work = vec![has_work(&ledger, WorkKind::Turns).await];
    for call in [1, 0] {
        ledger.commit(talk.finishes(call)).await;
        had_work.push(has_work(&ledger, WorkKind::Turns).await);
        ledger.arrive(&talk, Subject::ToolResult(talk.call(call))).await;
        had_work.push(has_work(&ledger, WorkKind::Turns).await);
    }

    let claim = ledger.claim(WorkKind::Turns).await.unwrap();

    assert_eq!(had_work, [false, false, false, false, true]);
    assert_eq!((claim.turn_id, claim.tries), (Some(talk.turn(1)), 0));
}

pub async fn result_that_was_not_recorded_delivers_nothing(fixture: impl Fixture<Port = Ledger>) {
    let talk = talk(1);
    let ledger = waiting(&fixture, &talk, 1).await;

    ledger.arrive(&talk, Subject::ToolResult(talk.call(0))).await;

    let call = ledger.store.call(talk.call(0)).await.unwrap().unwrap();
    assert_eq!(call.state, CallState::Requested);
    assert_eq!(ledger.claim(WorkKind::Turns).await, None);
}

pub async fn waiting_turn_that_is_cancelled_is_claimed_at_once(
    fixture: impl Fixture<Port = Ledger>,
) {
    let talk = talk(1);
    let ledger = waiting(&fixture, &talk, 1).await;

    ledger.commit(Commit { cancel: Some(Cancel::Running), ..talk.commit() }).await;

    let claim = ledger.claim(WorkKind::Turns).await.unwrap();
    assert_eq!(claim.turn_id, Some(talk.turn(1)));
}

pub async fn cancelled_turn_still_waits_for_its_message(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.commit(talk.accepts(1)).await;
    ledger.commit(Commit { cancel: Some(Cancel::All), ..talk.commit() }).await;
    let before = ledger.claim(WorkKind::Turns).await;

    ledger.arrive(&talk, Subject::Turn(talk.turn(1))).await;

    assert_eq!(before, None);
    assert!(ledger.claim(WorkKind::Turns).await.is_some());
}

/// Also once the turn is over, and the next one runs: which may have calls of its own.
pub async fn heartbeat_of_calls_tells_that_their_turn_was_cancelled(
    fixture: impl Fixture<Port = Ledger>,
) {
    let talk = talk(1);
    let ledger = waiting(&fixture, &talk, 1).await;
    ledger.arrive(&talk, Subject::ToolRequest(talk.call(0))).await;
    let claim = ledger.claim(WorkKind::Calls).await.unwrap();
    let holding = [claim.holding()];
    let heartbeat = || ledger.work.heartbeat(claim.kind, claim.owner, &holding, TTL);
    let before = heartbeat().await.unwrap();

    ledger.commit(Commit { cancel: Some(Cancel::Running), ..talk.commit() }).await;
    let cancelled = heartbeat().await.unwrap();
    ledger.ready(&talk, 2).await;
    ledger.commit(talk.progresses(1, 2, TurnState::Done)).await;
    let over = heartbeat().await.unwrap();

    assert_eq!(before, Heartbeat::default());
    let turn = CancelledTurn { holding: holding[0], turn_id: talk.turn(1) };
    let told = Heartbeat { cancelled: vec![turn], lost: Vec::new() };
    assert_eq!((&cancelled, &over), (&told, &told));
}
