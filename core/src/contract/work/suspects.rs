//! Work whose workers died: suspected, tried apart, and counted only then.

use super::super::Fixture;
use super::super::ledger::{AFTER_TTL, Ledger, TTL, owner, wants};
use super::super::talk::talk;
use crate::ports::work::{Claim, ClaimRequest, Claimed};
use crate::work::commit::WorkKind;
use crate::work::suspicion::ISOLATION_PAUSE;

const TURNS: WorkKind = WorkKind::Turns;

/// A ledger with so many sessions that have work.
async fn busy(fixture: &impl Fixture<Port = Ledger>, sessions: u128) -> Ledger {
    let ledger = fixture.open().await;
    for number in 1..=sessions {
        ledger.ready(&talk(number), 1).await;
    }
    ledger
}

/// What an owner gets that holds these.
async fn claims(ledger: &Ledger, worker: u128, holding: &[Claim]) -> Claimed {
    let holding = holding.iter().map(Claim::holding).collect();
    ledger.work.claim(ClaimRequest { holding, ..wants(TURNS, owner(worker)) }).await.unwrap()
}

/// Owners die, each with all that it could get, until one gets only what is isolated. Returns that.
async fn isolated(ledger: &Ledger, from: u128) -> Claim {
    for worker in from..from + 8 {
        let mut claimed = claims(ledger, worker, &[]).await;
        if claimed.claims.len() == 1 {
            return claimed.claims.remove(0);
        }
        ledger.all_die(TURNS).await;
    }
    panic!("nothing is isolated");
}

pub async fn work_that_dies_in_company_is_not_counted(fixture: impl Fixture<Port = Ledger>) {
    let ledger = busy(&fixture, 3).await;
    let first = claims(&ledger, 1, &[]).await.claims;
    ledger.all_die(TURNS).await;

    let second = claims(&ledger, 2, &[]).await.claims;

    assert_eq!((first.len(), second.len()), (3, 3), "few suspects are worked on together");
    assert!(second.iter().all(|claim| claim.tries == 0), "{second:?}");
}

pub async fn suspects_are_worked_on_apart(fixture: impl Fixture<Port = Ledger>) {
    let ledger = busy(&fixture, 3).await;
    for worker in 1..=2 {
        claims(&ledger, worker, &[]).await;
        ledger.all_die(TURNS).await;
    }
    ledger.ready(&talk(9), 1).await;

    let first = claims(&ledger, 3, &[]).await;
    let beside = claims(&ledger, 3, &first.claims).await;
    let another = claims(&ledger, 4, &[]).await;

    let sessions: Vec<_> = first.claims.iter().map(|claim| claim.session_id).collect();
    assert_eq!(sessions, [talk(1).session_id, talk(9).session_id], "one suspect, and who is none");
    assert!(first.more, "two wait for the isolated");
    assert_eq!((beside.claims.len(), another.claims.len()), (0, 0), "one isolated at a time");
    ledger.commit(talk(1).survives(1, 1)).await;
    assert_eq!(claims(&ledger, 4, &[]).await.claims[0].session_id, talk(2).session_id);
}

pub async fn only_death_while_isolated_is_counted(fixture: impl Fixture<Port = Ledger>) {
    let ledger = busy(&fixture, 2).await;
    let first = isolated(&ledger, 10).await;
    ledger.all_die(TURNS).await;

    let tries: Vec<u32> = {
        let mut tries = Vec::new();
        for worker in 30..36 {
            tries.extend(claims(&ledger, worker, &[]).await.claims.iter().map(|claim| claim.tries));
            ledger.all_die(TURNS).await;
        }
        tries
    };

    assert_eq!(first.tries, 0);
    assert_eq!(
        tries,
        [1, 2, 3, 4, 5, 6],
        "the oldest is tried again and again until it is given up"
    );
}

pub async fn owners_that_die_without_it_prove_a_suspect_innocent(
    fixture: impl Fixture<Port = Ledger>,
) {
    let ledger = busy(&fixture, 1).await;
    let mut tries = Vec::new();
    for worker in 1..=5 {
        let claim = claims(&ledger, worker, &[]).await.claims.remove(0);
        tries.push(claim.tries);
        claims(&ledger, 100 + worker, &[]).await;
        ledger.all_die(TURNS).await;
    }

    assert_eq!(tries, [0, 1, 0, 0, 0], "only the first death might have been its doing");
}

pub async fn nothing_is_tried_for_a_while_after_a_death_while_isolated(
    fixture: impl Fixture<Port = Ledger>,
) {
    let ledger = busy(&fixture, 2).await;
    isolated(&ledger, 10).await;
    ledger.clock.advance(AFTER_TTL).await;

    let at_once = claims(&ledger, 30, &[]).await;
    ledger.clock.advance(ISOLATION_PAUSE).await;
    let later = claims(&ledger, 30, &[]).await;

    assert_eq!((at_once.claims.len(), at_once.more), (0, true));
    assert_eq!(later.claims.len(), 1);
}

pub async fn work_that_survives_is_no_suspect_any_more(fixture: impl Fixture<Port = Ledger>) {
    let ledger = busy(&fixture, 2).await;
    let claim = isolated(&ledger, 10).await;
    ledger.commit(talk(1).survives(1, 1)).await;
    ledger.work.leave(TURNS, claim.owner).await.unwrap();

    let both = claims(&ledger, 30, &[]).await.claims;

    assert_eq!(both.len(), 2, "one that is isolated, and one that is none");
}

pub async fn suspects_survive_a_restart<F: Fixture<Port = Ledger>>(fixture: F) {
    let ledger = busy(&fixture, 2).await;
    let claim = isolated(&ledger, 10).await;
    drop(ledger);

    let ledger = fixture.open().await;

    let beside = ledger.work.heartbeat(TURNS, claim.owner, &[claim.holding()], TTL).await.unwrap();
    assert_eq!(beside.lost.is_empty(), F::DURABLE);
    assert_eq!(claims(&ledger, 30, &[]).await.more, F::DURABLE);
}
