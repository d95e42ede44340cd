//! What was committed and never arrived: its record was lost.

use std::time::Duration;

use super::super::Fixture;
use super::super::ledger::{Ledger, MANY, at};
use super::super::talk::{Talk, talk};
use crate::outbox::topic::Topic;
use crate::outbox::wire::Subject;
use crate::tool::CallState;
use crate::work::commit::{Commit, WorkKind};
use crate::work::session::TurnState;

/// How many seconds after the beginning it is in the cases of this file.
const SECONDS: u64 = 60;

/// A ledger whose clock shows that it is a minute after the beginning.
async fn later(fixture: &impl Fixture<Port = Ledger>) -> Ledger {
    let ledger = fixture.open().await;
    ledger.clock.advance(Duration::from_secs(SECONDS)).await;
    ledger
}

/// Recovers what was committed before so many seconds after the beginning.
async fn recover(ledger: &Ledger, kind: WorkKind, seconds: u64) -> usize {
    let age = Duration::from_secs(SECONDS - seconds);
    ledger.work.recover_overdue(kind, age, MANY).await.unwrap()
}

/// A turn that waits for two calls, the first of which is done since ten seconds after the beginning.
async fn waiting(ledger: &Ledger, talk: &Talk) {
    ledger.ready(talk, 1).await;
    ledger.commit(talk.asks(2)).await;
    ledger.commit(Commit { at: at(10), ..talk.finishes(0) }).await;
}

async fn call(ledger: &Ledger, talk: &Talk, number: usize) -> CallState {
    ledger.store.call(talk.call(number)).await.unwrap().unwrap().state
}

pub async fn message_that_is_overdue_is_taken_in(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (later(&fixture).await, talk(1));
    ledger.commit(Commit { at: at(10), ..talk.accepts(1) }).await;

    let taken = (
        recover(&ledger, WorkKind::Turns, 10).await,
        recover(&ledger, WorkKind::Turns, 11).await,
        recover(&ledger, WorkKind::Turns, 12).await,
    );

    assert_eq!(taken, (0, 1, 0));
    let claim = ledger.claim(WorkKind::Turns).await.unwrap();
    assert_eq!((claim.session_id, claim.turn_id), (talk.session_id, Some(talk.turn(1))));
}

pub async fn request_that_is_overdue_is_taken_in(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (later(&fixture).await, talk(1));
    ledger.ready(&talk, 1).await;
    ledger.commit(Commit { at: at(10), ..talk.asks(2) }).await;

    let taken = (
        recover(&ledger, WorkKind::Calls, 10).await,
        recover(&ledger, WorkKind::Turns, 11).await,
        recover(&ledger, WorkKind::Calls, 11).await,
        recover(&ledger, WorkKind::Calls, 12).await,
    );

    assert_eq!(taken, (0, 0, 2, 0));
    assert_eq!(ledger.claim(WorkKind::Calls).await.unwrap().session_id, talk.session_id);
    assert_eq!(call(&ledger, &talk, 1).await, CallState::Ready);
}

pub async fn result_that_is_overdue_is_taken_in(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (later(&fixture).await, talk(1));
    waiting(&ledger, &talk).await;
    ledger.commit(Commit { at: at(20), ..talk.finishes(1) }).await;

    let first = (
        recover(&ledger, WorkKind::Turns, 10).await,
        recover(&ledger, WorkKind::Calls, 11).await,
        recover(&ledger, WorkKind::Turns, 11).await,
    );
    let early = ledger.claim(WorkKind::Turns).await;
    let second = recover(&ledger, WorkKind::Turns, 21).await;

    assert_eq!((first, second), ((0, 0, 1), 1));
    assert_eq!(early, None);
    assert_eq!(ledger.claim(WorkKind::Turns).await.unwrap().turn_id, Some(talk.turn(1)));
}

/// Its turn was cancelled: no record of it was ever sent.
pub async fn result_that_no_turn_waits_for_is_not_overdue(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (later(&fixture).await, talk(1));
    waiting(&ledger, &talk).await;
    ledger.commit(talk.progresses(1, 2, TurnState::Done)).await;

    let taken = recover(&ledger, WorkKind::Turns, 60).await;

    assert_eq!(taken, 0);
    assert_eq!(call(&ledger, &talk, 0).await, CallState::Done);
}

pub async fn arrival_of_what_was_recovered_changes_nothing(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (later(&fixture).await, talk(1));
    ledger.commit(talk.accepts(1)).await;
    recover(&ledger, WorkKind::Turns, 1).await;
    ledger.commit(talk.asks(1)).await;
    recover(&ledger, WorkKind::Calls, 1).await;
    ledger.commit(talk.finishes(0)).await;
    recover(&ledger, WorkKind::Turns, 1).await;
    let depth = ledger.work.depth(WorkKind::Turns).await.unwrap();

    for subject in [
        Subject::Turn(talk.turn(1)),
        Subject::ToolRequest(talk.call(0)),
        Subject::ToolResult(talk.call(0)),
    ] {
        ledger.arrive(&talk, subject).await;
    }

    let turn = ledger.store.turn(talk.turn(1)).await.unwrap().unwrap();
    assert_eq!((turn.state, depth), (TurnState::Waiting, 1));
    assert_eq!(call(&ledger, &talk, 0).await, CallState::Delivered);
    assert_eq!(ledger.work.depth(WorkKind::Turns).await.unwrap(), 1);
    assert_eq!(ledger.published(Topic::ConversationInboundDlq).await, []);
}

pub async fn what_has_arrived_is_not_overdue(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (later(&fixture).await, talk(1));
    ledger.ready(&talk, 1).await;
    ledger.commit(talk.asks(1)).await;
    ledger.arrive(&talk, Subject::ToolRequest(talk.call(0))).await;
    ledger.commit(talk.finishes(0)).await;
    ledger.arrive(&talk, Subject::ToolResult(talk.call(0))).await;

    let taken = [WorkKind::Turns, WorkKind::Calls].map(|kind| recover(&ledger, kind, 60));

    for recovered in taken {
        assert_eq!(recovered.await, 0);
    }
}

pub async fn most_overdue_is_recovered_first(fixture: impl Fixture<Port = Ledger>) {
    let ledger = later(&fixture).await;
    for number in 1..=3 {
        let seconds = at(10 - u64::try_from(number).unwrap());
        ledger.commit(Commit { at: seconds, ..talk(number).accepts(1) }).await;
    }

    let taken = ledger.work.recover_overdue(WorkKind::Turns, Duration::ZERO, 2).await.unwrap();

    let state =
        async |number| ledger.store.turn(talk(number).turn(1)).await.unwrap().unwrap().state;
    assert_eq!(taken, 2);
    assert_eq!(
        [state(1).await, state(2).await, state(3).await],
        [TurnState::Accepted, TurnState::Ready, TurnState::Ready]
    );
}
