//! Owners that are alive, and what becomes of the claims of those who are not.

use std::time::Duration;

use super::super::Fixture;
use super::super::ledger::{AFTER_TTL, Ledger, NOW, TTL, owner, wants};
use super::super::talk::{Talk, talk};
use crate::ports::work::{CancelledTurn, Claim, ClaimRequest, Heartbeat, Holding, Release};
use crate::work::commit::{Cancel, Commit, CommitOutcome, WorkKind};

const TURNS: WorkKind = WorkKind::Turns;

async fn pass(ledger: &Ledger, seconds: u64) {
    ledger.clock.advance(Duration::from_secs(seconds)).await;
}

async fn claim_by(ledger: &Ledger, worker: u128) -> Option<Claim> {
    ledger.claim_for(TURNS, owner(worker)).await
}

async fn heartbeat(ledger: &Ledger, claim: &Claim) -> Heartbeat {
    ledger.work.heartbeat(TURNS, claim.owner, &[claim.holding()], TTL).await.unwrap()
}

fn held() -> Heartbeat {
    Heartbeat::default()
}

fn lost(claim: &Claim) -> Heartbeat {
    Heartbeat { lost: vec![claim.holding()], ..held() }
}

pub async fn claim_of_a_dead_owner_goes_to_another_with_a_higher_epoch(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.ready(&talk, 1).await;
    let first = claim_by(&ledger, 1).await.unwrap();
    pass(&ledger, 29).await;
    let early = claim_by(&ledger, 2).await;
    pass(&ledger, 2).await;

    let second = claim_by(&ledger, 3).await.unwrap();

    assert_eq!(early, None);
    assert_eq!((second.session_id, second.owner), (talk.session_id, owner(3)));
    assert!(second.epoch > first.epoch, "{first:?} {second:?}");
}

pub async fn claim_that_was_taken_over_is_lost(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.ready(&talk, 1).await;
    let first = claim_by(&ledger, 1).await.unwrap();
    ledger.clock.advance(AFTER_TTL).await;
    let second = claim_by(&ledger, 2).await.unwrap();

    let told = (heartbeat(&ledger, &first).await, heartbeat(&ledger, &second).await);

    let outcome = ledger.store.commit(Talk::under(&first, talk.ends(1))).await.unwrap();
    assert_eq!(told, (lost(&first), held()));
    assert_eq!(outcome, CommitOutcome::Fenced);
}

/// A restarted task fences its own older self.
pub async fn claim_that_its_owner_does_not_know_of_is_free(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.ready(&talk, 1).await;
    let first = claim_by(&ledger, 1).await.unwrap();

    let second = claim_by(&ledger, 1).await.unwrap();

    let told = (heartbeat(&ledger, &first).await, heartbeat(&ledger, &second).await);
    assert_eq!(told, (lost(&first), held()));
    assert_eq!(second.tries, 0, "nobody died");
}

pub async fn claim_that_its_owner_names_is_not_given_again(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.ready(&talk, 1).await;
    let first = claim_by(&ledger, 1).await.unwrap();
    let other = Holding { epoch: first.epoch + 1, ..first.holding() };

    let holding = vec![first.holding()];
    let named = ClaimRequest { holding, ..wants(TURNS, owner(1)) };
    let misnamed = ClaimRequest { holding: vec![other], ..wants(TURNS, owner(1)) };
    let (named, misnamed) =
        (ledger.work.claim(named).await.unwrap(), ledger.work.claim(misnamed).await.unwrap());

    assert_eq!((named.claims.len(), misnamed.claims.len()), (0, 1));
}

pub async fn owner_that_is_heard_of_keeps_its_claims(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.ready(&talk, 1).await;
    let claim = claim_by(&ledger, 1).await.unwrap();

    pass(&ledger, 20).await;
    let first = heartbeat(&ledger, &claim).await;
    pass(&ledger, 20).await;
    let second = heartbeat(&ledger, &claim).await;
    pass(&ledger, 29).await;
    let early = claim_by(&ledger, 2).await;
    pass(&ledger, 2).await;

    assert_eq!((first, second), (held(), held()));
    assert_eq!(early, None);
    assert!(claim_by(&ledger, 3).await.is_some());
}

pub async fn owner_that_nobody_found_dead_is_alive_again(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.ready(&talk, 1).await;
    let claim = claim_by(&ledger, 1).await.unwrap();
    pass(&ledger, 60).await;

    let told = heartbeat(&ledger, &claim).await;

    assert_eq!((told, claim_by(&ledger, 2).await), (held(), None));
}

pub async fn owner_that_asks_in_vain_is_alive_for_two_thirds_of_the_time_at_least(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.ready(&talk, 1).await;
    let claim = claim_by(&ledger, 1).await.unwrap();
    let again = || ClaimRequest { holding: vec![claim.holding()], ..wants(TURNS, owner(1)) };
    for _ in 0..6 {
        pass(&ledger, 19).await;
        assert_eq!(ledger.work.claim(again()).await.unwrap().claims, []);
    }
    pass(&ledger, 19).await;

    assert_eq!(claim_by(&ledger, 2).await, None);
}

pub async fn heartbeat_tells_of_a_cancellation(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.ready(&talk, 1).await;
    ledger.ready(&talk, 2).await;
    let claim = claim_by(&ledger, 1).await.unwrap();
    let before = heartbeat(&ledger, &claim).await;

    ledger.commit(Commit { cancel: Some(Cancel::Running), ..talk.commit() }).await;

    pass(&ledger, 2).await;
    let told = heartbeat(&ledger, &claim).await;
    assert_eq!(before, held());
    let turn = CancelledTurn { holding: claim.holding(), turn_id: talk.turn(1) };
    assert_eq!(told, Heartbeat { cancelled: vec![turn], ..held() });
    pass(&ledger, 29).await;
    assert_eq!(claim_by(&ledger, 2).await, None, "the heartbeat kept the owner alive");
}

pub async fn heartbeat_judges_each_claim_by_itself(fixture: impl Fixture<Port = Ledger>) {
    let ledger = fixture.open().await;
    for number in 1..=4 {
        ledger.ready(&talk(number), 1).await;
    }
    let claims = ledger.work.claim(wants(TURNS, owner(1))).await.unwrap().claims;
    let holding: Vec<Holding> = claims.iter().map(Claim::holding).collect();
    ledger.work.release(&claims[0], Release::Orderly, Duration::ZERO).await.unwrap();
    ledger.commit(Commit { cancel: Some(Cancel::Running), ..talk(2).commit() }).await;
    ledger.store.erase(&talk(4).tenant, talk(4).session_id, NOW).await.unwrap();

    let told = ledger.work.heartbeat(TURNS, owner(1), &holding, TTL).await.unwrap();
    let strange = ledger.work.heartbeat(TURNS, owner(2), &holding[1..3], TTL).await.unwrap();

    let turn = CancelledTurn { holding: holding[1], turn_id: talk(2).turn(1) };
    assert_eq!((told.lost, told.cancelled), (vec![holding[0], holding[3]], vec![turn]));
    assert_eq!((strange.lost, strange.cancelled), (holding[1..3].to_vec(), Vec::new()));
}

pub async fn releasing_a_lost_claim_changes_nothing(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.ready(&talk, 1).await;
    let first = claim_by(&ledger, 1).await.unwrap();
    pass(&ledger, 31).await;
    let second = claim_by(&ledger, 1).await.unwrap();

    ledger.work.release(&first, Release::Orderly, TTL).await.unwrap();

    assert_eq!(heartbeat(&ledger, &second).await, held());
    assert_eq!(claim_by(&ledger, 3).await, None);
    pass(&ledger, 31).await;
    assert_eq!(claim_by(&ledger, 4).await.unwrap().tries, 1);
}

pub async fn claim_that_was_released_is_lost(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.ready(&talk, 1).await;
    let claim = claim_by(&ledger, 1).await.unwrap();

    ledger.work.release(&claim, Release::Orderly, TTL).await.unwrap();

    assert_eq!(heartbeat(&ledger, &claim).await, lost(&claim));
    let next = ledger.claim_after(TURNS, 31).await.unwrap();
    assert!(next.epoch > claim.epoch);
}

pub async fn owner_that_leaves_holds_nothing(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.ready(&talk, 1).await;
    let claim = claim_by(&ledger, 1).await.unwrap();

    ledger.work.leave(TURNS, owner(1)).await.unwrap();

    assert_eq!(heartbeat(&ledger, &claim).await, lost(&claim));
    let next = claim_by(&ledger, 2).await.unwrap();
    assert_eq!(next.tries, 0);
    pass(&ledger, 31).await;
    assert_eq!(claim_by(&ledger, 3).await.unwrap().tries, 1, "that of the second owner");
}

pub async fn claims_survive_a_restart<F: Fixture<Port = Ledger>>(fixture: F) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.ready(&talk, 1).await;
    let claim = claim_by(&ledger, 1).await.unwrap();
    drop(ledger);

    let ledger = fixture.open().await;

    assert_eq!(heartbeat(&ledger, &claim).await == held(), F::DURABLE);
    pass(&ledger, 40).await;
    let next = claim_by(&ledger, 2).await.map(|next| (next.epoch > claim.epoch, next.tries));
    assert_eq!(next, F::DURABLE.then_some((true, 1)));
}
