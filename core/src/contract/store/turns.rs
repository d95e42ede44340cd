//! Turns and their records.

use futures_util::future::join_all;

use super::super::ledger::Ledger;
use super::super::talk::{Talk, talk};
use super::super::{Fixture, at_once};
use crate::work::commit::{Cancel, Commit, CommitOutcome};
use crate::work::session::{TurnRecord, TurnState};

async fn turn(ledger: &Ledger, talk: &Talk, number: u32) -> TurnRecord {
    ledger.store.turn(talk.turn(number)).await.unwrap().unwrap()
}

async fn cancelled(ledger: &Ledger, talk: &Talk) -> Vec<bool> {
    let turns = (1..=3).map(|number| turn(ledger, talk, number));
    join_all(turns).await.into_iter().map(|turn| turn.cancel_requested).collect()
}

pub async fn turns_are_numbered_from_one_in_the_order_of_commits(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    for number in [2, 3, 1] {
        ledger.commit(talk.accepts(number)).await;
    }

    let numbers = [2, 3, 1].map(|number| turn(&ledger, &talk, number));

    let numbers = join_all(numbers).await.into_iter().map(|turn| turn.number);
    assert_eq!(numbers.collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(ledger.session(&talk).await.turns_accepted, 3);
}

pub async fn turns_accepted_at_the_same_time_are_numbered_densely(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talk) = (fixture.open().await, talk(1));

    at_once(&fixture, (1..=16).map(|number| ledger.commit(talk.accepts(number)))).await;

    let turns = join_all((1..=16).map(|number| turn(&ledger, &talk, number))).await;
    let mut numbers = turns.into_iter().map(|turn| turn.number).collect::<Vec<_>>();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=16).collect::<Vec<_>>(), "no gap and no number twice");
}

pub async fn turn_is_read_with_its_record(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let accepts = talk.accepts(1);
    let accepted = accepts.accept.clone().unwrap().input;
    ledger.commit(accepts).await;
    let step = talk.progresses(1, 1, TurnState::Waiting);
    let added = step.turn.clone().unwrap().inputs;

    ledger.commit(step).await;

    let expected = TurnRecord {
        tenant: talk.tenant.clone(),
        session_id: talk.session_id,
        turn_id: talk.turn(1),
        number: 1,
        state: TurnState::Waiting,
        cancel_requested: false,
        steps: 2,
        inputs: [vec![accepted], added].concat(),
        unreadable: None,
        calls: Vec::new(),
    };
    assert_eq!(turn(&ledger, &talk, 1).await, expected);
    assert_eq!(ledger.store.turn(talk.turn(2)).await.unwrap(), None);
}

pub async fn turn_that_is_done_is_counted_once(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.commit(talk.accepts(1)).await;
    ledger.commit(talk.accepts(2)).await;

    ledger.commit(talk.ends(1)).await;
    ledger.store.commit(talk.ends(1)).await.unwrap();

    let session = ledger.session(&talk).await;
    assert_eq!((session.turns_accepted, session.turns_done), (2, 1));
}

pub async fn session_whose_turns_are_done_is_idle(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.commit(Commit { only_if_idle: true, ..talk.accepts(1) }).await;
    let second = Commit { only_if_idle: true, ..talk.accepts(2) };
    assert_eq!(ledger.store.commit(second.clone()).await.unwrap(), CommitOutcome::Conflict);
    ledger.commit(talk.ends(1)).await;

    ledger.commit(second).await;

    assert_eq!(turn(&ledger, &talk, 2).await.number, 2);
}

async fn three_turns_the_first_done(ledger: &Ledger, talk: &Talk) {
    for number in 1..=3 {
        ledger.commit(talk.accepts(number)).await;
    }
    ledger.commit(talk.ends(1)).await;
}

pub async fn cancel_of_the_running_turn_marks_the_oldest_unfinished_one(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    three_turns_the_first_done(&ledger, &talk).await;

    ledger.commit(Commit { cancel: Some(Cancel::Running), ..talk.commit() }).await;

    assert_eq!(cancelled(&ledger, &talk).await, [false, true, false]);
}

pub async fn cancel_of_all_marks_every_unfinished_turn(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    three_turns_the_first_done(&ledger, &talk).await;

    ledger.commit(Commit { cancel: Some(Cancel::All), ..talk.commit() }).await;

    assert_eq!(cancelled(&ledger, &talk).await, [false, true, true]);
}

/// A message that interrupts is not interrupted by itself.
pub async fn cancel_does_not_mark_the_turn_that_comes_with_it(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.commit(Commit { cancel: Some(Cancel::Running), ..talk.accepts(1) }).await;

    ledger.commit(Commit { cancel: Some(Cancel::All), ..talk.accepts(2) }).await;
    ledger.commit(talk.accepts(3)).await;

    assert_eq!(cancelled(&ledger, &talk).await, [true, false, false]);
}
