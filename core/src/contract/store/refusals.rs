//! A commit that is refused changes nothing, and the fence is asked first.

use super::super::ledger::{Ledger, TTL};
use super::super::talk::{Talk, talk};
use super::super::{Fixture, at_once};
use super::commits::everything;
use super::sight::sight;
use crate::budget::Spent;
use crate::conversation::event::Seq;
use crate::outbox::topic::Topic;
use crate::ports::work::{Claim, Release};
use crate::work::commit::{Cancel, Commit, CommitOutcome, Fence, WorkKind};
use crate::work::session::TurnState;

/// A commit of everything beside a second turn, and a cancellation of the first.
fn all_and_more(talk: &Talk) -> Commit {
    let Commit { accept, events, outbox, .. } = talk.accepts(2);
    let mut commit = Commit { accept, events, outbox, ..everything(talk) };
    commit.request = Some(talk.request("another key", "asked", 2));
    commit.cancel = Some(Cancel::All);
    commit.memory = vec![talk.memory("message 2")];
    commit.dead = vec![talk.letter("another")];
    commit
}

async fn changes_nothing(ledger: &Ledger, talk: &Talk, commit: Commit, refusal: CommitOutcome) {
    let before = sight(ledger, talk).await;

    let outcome = ledger.store.commit(commit.clone()).await.unwrap();

    assert_eq!(outcome, refusal);
    assert_eq!(sight(ledger, talk).await, before);
    let later =
        Commit { events: vec![talk.said("later")], request: commit.request, ..talk.commit() };
    let outcome = ledger.store.commit(later).await.unwrap();
    let key_is_free = matches!(outcome, CommitOutcome::Committed(_));
    assert!(key_is_free || outcome == refusal, "the key was kept: {outcome:?}");
}

pub async fn stale_commit_changes_nothing(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.commit(talk.accepts(1)).await;
    let stale = Commit { expected: Some(Seq(0)), ..all_and_more(&talk) };

    changes_nothing(&ledger, &talk, stale, CommitOutcome::Conflict).await;
}

pub async fn commit_that_wants_an_idle_session_changes_nothing_in_a_busy_one(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.commit(talk.accepts(1)).await;
    let eager = Commit { only_if_idle: true, ..all_and_more(&talk) };

    changes_nothing(&ledger, &talk, eager, CommitOutcome::Conflict).await;
}

pub async fn commit_to_a_turn_that_is_done_changes_nothing(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.commit(talk.accepts(1)).await;
    ledger.commit(talk.ends(1)).await;
    let late = Commit { live_turn: Some(talk.turn(1)), ..all_and_more(&talk) };

    changes_nothing(&ledger, &talk, late, CommitOutcome::TurnDone).await;
}

pub async fn fenced_commit_changes_nothing(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let old = taken_over(&ledger, &talk).await;
    let fenced = Commit { fence: fence(&old), ..all_and_more(&talk) };

    changes_nothing(&ledger, &talk, fenced, CommitOutcome::Fenced).await;
}

pub async fn commit_to_no_session_changes_nothing(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let astray = Commit { open: None, ..everything(&talk) };

    changes_nothing(&ledger, &talk, astray, CommitOutcome::NoSession).await;
}

pub async fn progress_from_a_step_that_is_not_reached_changes_nothing(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.commit(talk.accepts(1)).await;
    let ahead = Commit { turn: talk.progresses(1, 2, TurnState::Done).turn, ..all_and_more(&talk) };

    changes_nothing(&ledger, &talk, ahead, CommitOutcome::Conflict).await;
}

pub async fn reservation_that_the_ledger_has_no_room_for_changes_nothing(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let settled = talk.settles(1, 40);
    let usage = vec![talk.reserves(1, 90), settled, talk.reserves(2, 30)];
    ledger.commit(Commit { usage, ..talk.accepts(1) }).await;
    let too_much = Commit { usage: vec![talk.reserves_under(3, 31, 100)], ..all_and_more(&talk) };
    let enough = Commit { usage: vec![talk.reserves_under(3, 30, 100)], ..talk.commit() };

    changes_nothing(&ledger, &talk, too_much, CommitOutcome::OverBudget).await;

    ledger.commit(enough).await;
    let spent = ledger.spent(&talk).await;
    assert_eq!(spent, Spent { used: 40, reserved: 60 });
}

pub async fn reservation_that_is_on_the_ledger_needs_no_room(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.commit(Commit { usage: vec![talk.reserves(1, 90)], ..talk.accepts(1) }).await;
    let again = Commit { usage: vec![talk.reserves_under(1, 90, 100)], ..talk.commit() };

    ledger.commit(again).await;

    let spent = ledger.spent(&talk).await;
    assert_eq!(spent, Spent { used: 0, reserved: 90 });
}

pub async fn answered_request_changes_nothing(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let request = talk.request("key", "asked", 1);
    ledger.commit(Commit { request: Some(request.clone()), ..talk.accepts(1) }).await;
    let again = Commit { request: Some(request.clone()), ..all_and_more(&talk) };

    changes_nothing(&ledger, &talk, again, CommitOutcome::Answered(request.answer)).await;
}

pub async fn reused_key_changes_nothing(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let request = talk.request("key", "asked", 1);
    ledger.commit(Commit { request: Some(request), ..talk.accepts(1) }).await;
    let other = talk.request("key", "asked otherwise", 2);
    let reused = Commit { request: Some(other), ..all_and_more(&talk) };

    changes_nothing(&ledger, &talk, reused, CommitOutcome::KeyReused).await;
}

pub async fn progress_of_a_turn_that_is_done_changes_nothing(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.commit(talk.accepts(1)).await;
    ledger.commit(talk.ends(1)).await;
    let late = Commit { turn: talk.progresses(1, 2, TurnState::Done).turn, ..all_and_more(&talk) };

    changes_nothing(&ledger, &talk, late, CommitOutcome::TurnDone).await;
}

/// A claim that lapsed and was taken over by another owner.
async fn taken_over(ledger: &Ledger, talk: &Talk) -> Claim {
    ledger.ready(talk, 1).await;
    let old = ledger.claim(WorkKind::Turns).await.unwrap();
    ledger.claim_after(WorkKind::Turns, 31).await.unwrap();
    old
}

const fn fence(claim: &Claim) -> Fence {
    Fence::Work { kind: claim.kind, epoch: claim.epoch }
}

/// Whoever was fenced must stop, and not take what it did for done.
pub async fn fence_is_checked_before_whether_it_was_done(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.ready(&talk, 1).await;
    let old = ledger.claim(WorkKind::Turns).await.unwrap();
    let ends = Commit { fence: fence(&old), ..talk.ends(1) };
    ledger.commit(ends.clone()).await;
    ledger.ready(&talk, 2).await;
    ledger.claim_after(WorkKind::Turns, 31).await.unwrap();

    let outcome = ledger.store.commit(ends).await.unwrap();

    assert_eq!(outcome, CommitOutcome::Fenced);
}

pub async fn fence_is_checked_before_the_clients_key(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let request = Some(talk.request("key", "asked", 5));
    let old = taken_over(&ledger, &talk).await;
    ledger.commit(Commit { request: request.clone(), ..talk.accepts(2) }).await;
    let again = Commit { request, fence: fence(&old), expected: Some(Seq(0)), ..talk.says("x") };

    let outcome = ledger.store.commit(again).await.unwrap();

    assert_eq!(outcome, CommitOutcome::Fenced);
}

pub async fn fence_of_the_other_kind_does_not_admit(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.ready(&talk, 1).await;
    let claim = ledger.claim(WorkKind::Turns).await.unwrap();
    let other = Fence::Work { kind: WorkKind::Calls, epoch: claim.epoch };

    let outcome = ledger.store.commit(Commit { fence: other, ..talk.says("x") }).await.unwrap();

    assert_eq!(outcome, CommitOutcome::Fenced);
}

pub async fn fence_of_a_claim_that_was_released_does_not_admit(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.ready(&talk, 1).await;
    let claim = ledger.claim(WorkKind::Turns).await.unwrap();
    ledger.work.release(&claim, Release::Orderly, TTL).await.unwrap();

    let commit = Commit { fence: fence(&claim), ..talk.says("x") };
    let outcome = ledger.store.commit(commit).await.unwrap();

    assert_eq!(outcome, CommitOutcome::Fenced);
}

pub async fn only_one_of_many_that_expect_the_same_is_applied(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.commit(talk.says("before")).await;
    let commits = (0..16).map(|number| {
        let outbox = vec![talk.message(Topic::ToolRequests, &format!("{number}"))];
        let says = talk.says(&format!("{number}"));
        ledger.store.commit(Commit { expected: Some(Seq(1)), outbox, ..says })
    });

    let outcomes = at_once(&fixture, commits).await;

    let applied = outcomes.into_iter().filter(|outcome| {
        let outcome = outcome.as_ref().unwrap();
        let applied = matches!(outcome, CommitOutcome::Committed(_));
        assert!(applied || *outcome == CommitOutcome::Conflict, "{outcome:?}");
        applied
    });
    assert_eq!(applied.count(), 1, "one commit finds what it expected");
    assert_eq!(ledger.published(Topic::ToolRequests).await.len(), 1);
}
