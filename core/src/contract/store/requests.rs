//! A client that asks again with its key is told the same.

use super::super::ledger::{Ledger, MANY, at};
use super::super::talk::{Talk, talk, talk_of};
use super::super::{Fixture, at_once};
use crate::conversation::event::Seq;
use crate::work::commit::{Commit, CommitOutcome};

/// A message that is sent with the key `key`: again as another turn, as a gateway would.
fn asks(talk: &Talk, asked: &str, turn: u32) -> Commit {
    Commit { request: Some(talk.request("key", asked, turn)), ..talk.accepts(turn) }
}

pub async fn known_key_is_answered_with_the_first_receipt(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.commit(asks(&talk, "hi", 1)).await;

    let again = ledger.store.commit(asks(&talk, "hi", 2)).await.unwrap();

    assert_eq!(again, CommitOutcome::Answered(talk.request("key", "hi", 1).answer));
    assert_eq!(ledger.session(&talk).await.turns_accepted, 1);
}

pub async fn known_key_opens_no_second_session(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, first, second) = (fixture.open().await, talk(1), talk(2));
    ledger.commit(asks(&first, "hi", 1)).await;

    let again = ledger.store.commit(asks(&second, "hi", 1)).await.unwrap();

    assert_eq!(again, CommitOutcome::Answered(first.request("key", "hi", 1).answer));
    let sessions = ledger.store.sessions(&first.tenant, None, MANY).await.unwrap();
    assert_eq!(sessions.len(), 1);
}

pub async fn known_key_with_another_digest_is_reused(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.commit(asks(&talk, "hi", 1)).await;

    let other = ledger.store.commit(asks(&talk, "something else", 2)).await.unwrap();

    assert_eq!(other, CommitOutcome::KeyReused);
}

pub async fn keys_of_tenants_do_not_meet(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, ours, theirs) = (fixture.open().await, talk_of("acme", 1), talk_of("globex", 2));
    ledger.commit(asks(&ours, "hi", 1)).await;

    ledger.commit(asks(&theirs, "something else", 1)).await;

    assert_eq!(ledger.session(&theirs).await.turns_accepted, 1);
}

pub async fn refused_request_leaves_its_key_free(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.commit(talk.says("before")).await;
    let refused = Commit { expected: Some(Seq(0)), ..asks(&talk, "hi", 1) };
    assert_eq!(ledger.store.commit(refused).await.unwrap(), CommitOutcome::Conflict);

    ledger.commit(asks(&talk, "something else", 1)).await;

    assert_eq!(ledger.session(&talk).await.turns_accepted, 1);
}

pub async fn key_is_known_for_a_day(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.commit(asks(&talk, "hi", 1)).await;
    let a_day_later = at(24 * 60 * 60);
    ledger.commit(Commit { at: a_day_later, ..talk.accepts(2) }).await;

    let again = Commit { at: a_day_later, ..asks(&talk, "hi", 3) };
    let again = ledger.store.commit(again).await.unwrap();

    assert_eq!(again, CommitOutcome::Answered(talk.request("key", "hi", 1).answer));
}

pub async fn requests_at_the_same_time_with_one_key_are_answered_alike(
    fixture: impl Fixture<Port = Ledger>,
) {
    let ledger = fixture.open().await;
    let talks = (1..=16).map(talk).collect::<Vec<_>>();

    let asked = talks.iter().map(|talk| ledger.store.commit(asks(talk, "hi", 1)));
    let outcomes = at_once(&fixture, asked).await;

    let sessions = ledger.store.sessions(&talks[0].tenant, None, MANY).await.unwrap();
    assert_eq!(sessions.len(), 1, "one of the requests opens its session: {outcomes:?}");
    for outcome in outcomes.into_iter().map(Result::unwrap) {
        let session = match &outcome {
            CommitOutcome::Committed(events) => Some(events[0].session_id),
            CommitOutcome::Answered(receipt) => Some(receipt.session_id),
            CommitOutcome::AlreadyDone(_)
            | CommitOutcome::KeyReused
            | CommitOutcome::Conflict
            | CommitOutcome::TurnDone
            | CommitOutcome::Fenced
            | CommitOutcome::OverBudget
            | CommitOutcome::NoSession => None,
        };
        assert_eq!(session, Some(sessions[0].session_id), "{outcome:?}");
    }
}
