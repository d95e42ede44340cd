//! Claims that are kept alive, and claims that are lost.

use super::super::Fixture;
use super::super::ledger::{AFTER_TTL, Ledger, MANY, NOW, TTL, at, owner};
use super::super::talk::talk;
use crate::ports::work::{Claim, Heartbeat, Release};
use crate::work::commit::{Cancel, Commit, CommitOutcome, Fence, WorkKind};

async fn claim_by(ledger: &Ledger, worker: u128, seconds: u64) -> Option<Claim> {
    ledger.work.claim(WorkKind::Turns, owner(worker), at(seconds), TTL, MANY).await.unwrap()
}

async fn heartbeat(ledger: &Ledger, claim: &Claim, seconds: u64) -> Heartbeat {
    ledger.work.heartbeat(claim, at(seconds), TTL).await.unwrap()
}

pub async fn claim_that_lapsed_goes_to_another_with_a_higher_epoch(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.ready(&talk, 1).await;
    let first = claim_by(&ledger, 1, 0).await.unwrap();
    let early = claim_by(&ledger, 2, 29).await;

    let second = claim_by(&ledger, 2, 31).await.unwrap();

    assert_eq!(early, None);
    assert_eq!((second.session_id, second.owner), (talk.session_id, owner(2)));
    assert!(second.epoch > first.epoch, "{first:?} {second:?}");
}

pub async fn claim_that_was_taken_over_is_lost(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.ready(&talk, 1).await;
    let first = claim_by(&ledger, 1, 0).await.unwrap();
    let second = claim_by(&ledger, 2, 31).await.unwrap();

    let heartbeats = (heartbeat(&ledger, &first, 32).await, heartbeat(&ledger, &second, 32).await);

    let fence = Fence::Work { kind: first.kind, epoch: first.epoch };
    let outcome = ledger.store.commit(Commit { fence, ..talk.ends(1) }).await.unwrap();
    assert_eq!(heartbeats, (Heartbeat::Lost, Heartbeat::Held));
    assert_eq!(outcome, CommitOutcome::Fenced);
}

/// A restarted task fences its own older self.
pub async fn claim_that_was_taken_over_by_the_same_owner_is_lost(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.ready(&talk, 1).await;
    let first = claim_by(&ledger, 1, 0).await.unwrap();
    let second = claim_by(&ledger, 1, 31).await.unwrap();

    let heartbeats = (heartbeat(&ledger, &first, 32).await, heartbeat(&ledger, &second, 32).await);

    assert_eq!(heartbeats, (Heartbeat::Lost, Heartbeat::Held));
}

pub async fn claim_that_is_kept_alive_does_not_lapse(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.ready(&talk, 1).await;
    let claim = claim_by(&ledger, 1, 0).await.unwrap();

    let heartbeats = (heartbeat(&ledger, &claim, 20).await, heartbeat(&ledger, &claim, 40).await);

    assert_eq!(heartbeats, (Heartbeat::Held, Heartbeat::Held));
    assert_eq!(claim_by(&ledger, 2, 69).await, None);
    assert!(claim_by(&ledger, 2, 71).await.is_some());
}

pub async fn heartbeat_tells_of_a_cancellation(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.ready(&talk, 1).await;
    ledger.ready(&talk, 2).await;
    let claim = claim_by(&ledger, 1, 0).await.unwrap();
    let before = heartbeat(&ledger, &claim, 1).await;

    ledger.commit(Commit { cancel: Some(Cancel::Running), ..talk.commit() }).await;

    assert_eq!(before, Heartbeat::Held);
    assert_eq!(heartbeat(&ledger, &claim, 2).await, Heartbeat::CancelRequested);
    assert_eq!(claim_by(&ledger, 2, 30).await, None, "the heartbeat kept the claim alive");
}

pub async fn handing_back_a_lost_claim_changes_nothing(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.ready(&talk, 1).await;
    let first = claim_by(&ledger, 1, 0).await.unwrap();
    let second = claim_by(&ledger, 1, 31).await.unwrap();

    ledger.work.release(&first, Release::Orderly, at(32), TTL).await.unwrap();

    assert_eq!(heartbeat(&ledger, &second, 33).await, Heartbeat::Held);
    assert_eq!(claim_by(&ledger, 3, 34).await, None);
    assert_eq!(claim_by(&ledger, 3, 64).await.unwrap().tries, 3);
}

pub async fn claim_that_was_released_is_lost(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.ready(&talk, 1).await;
    let claim = claim_by(&ledger, 1, 0).await.unwrap();

    ledger.work.release(&claim, Release::Orderly, NOW, TTL).await.unwrap();

    assert_eq!(heartbeat(&ledger, &claim, 1).await, Heartbeat::Lost);
    let next = ledger.claim_at(WorkKind::Turns, NOW + AFTER_TTL).await.unwrap();
    assert!(next.epoch > claim.epoch);
}

pub async fn claims_survive_a_restart<F: Fixture<Port = Ledger>>(fixture: F) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.ready(&talk, 1).await;
    let claim = claim_by(&ledger, 1, 0).await.unwrap();
    drop(ledger);

    let ledger = fixture.open().await;

    assert_eq!(heartbeat(&ledger, &claim, 1).await == Heartbeat::Held, F::DURABLE);
    let next = claim_by(&ledger, 2, 40).await.map(|next| (next.epoch > claim.epoch, next.tries));
    assert_eq!(next, F::DURABLE.then_some((true, 2)));
}
