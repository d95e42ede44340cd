//! One claim per session and kind, in the order of turns, with every try counted.

use std::time::Duration;

use super::super::ledger::{AFTER_TTL, Ledger, MANY, NOW, TTL, at, owner};
use super::super::talk::talk;
use super::super::{Fixture, at_once};
use crate::ports::work::{Claim, Release};
use crate::work::commit::WorkKind;
use crate::work::ingest::Subject;
use crate::work::session::TurnState;

async fn release(ledger: &Ledger, claim: &Claim) {
    ledger.work.release(claim, Release::Orderly, NOW, Duration::ZERO).await.unwrap();
}

pub async fn session_is_claimed_once_at_a_time(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.ready(&talk, 1).await;
    ledger.ready(&talk, 2).await;

    let first = ledger.claim(WorkKind::Turns).await.unwrap();
    let second = ledger.claim(WorkKind::Turns).await;

    assert_eq!(first.turn_id, Some(talk.turn(1)));
    assert_eq!(second, None);
}

pub async fn claims_at_the_same_time_share_no_session(fixture: impl Fixture<Port = Ledger>) {
    let ledger = fixture.open().await;
    for number in 1..=8 {
        ledger.ready(&talk(number), 1).await;
        ledger.ready(&talk(number), 2).await;
    }

    let asked =
        (0..16).map(|worker| ledger.work.claim(WorkKind::Turns, owner(worker), NOW, TTL, MANY));
    let claims = at_once(&fixture, asked).await;

    let claims = claims.into_iter().filter_map(Result::unwrap);
    let mut sessions = claims.map(|claim| claim.session_id).collect::<Vec<_>>();
    sessions.sort();
    let ready = (1..=8).map(|number| talk(number).session_id).collect::<Vec<_>>();
    assert_eq!(sessions, ready, "each session is claimed, and by one worker");
}

pub async fn turns_of_a_session_are_claimed_in_their_order(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    for number in 1..=3 {
        ledger.ready(&talk, number).await;
    }

    for number in 1..=3 {
        let claim = ledger.claim(WorkKind::Turns).await.unwrap();
        assert_eq!((claim.turn_id, claim.tries), (Some(talk.turn(number)), 1));
        ledger.commit(talk.ends(number)).await;
        release(&ledger, &claim).await;
    }

    assert_eq!(ledger.claim(WorkKind::Turns).await, None);
}

pub async fn turn_whose_message_overtook_an_earlier_one_waits(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.commit(talk.accepts(1)).await;
    ledger.ready(&talk, 2).await;
    let early = ledger.claim(WorkKind::Turns).await;

    ledger.arrive(&talk, Subject::Turn(talk.turn(1))).await;

    let claim = ledger.claim(WorkKind::Turns).await.unwrap();
    assert_eq!(early, None);
    assert_eq!(claim.turn_id, Some(talk.turn(1)));
}

pub async fn claimed_turn_that_is_done_makes_room_only_once_it_is_released(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.ready(&talk, 1).await;
    ledger.ready(&talk, 2).await;
    let first = ledger.claim(WorkKind::Turns).await.unwrap();
    ledger.commit(talk.ends(1)).await;
    let early = ledger.claim(WorkKind::Turns).await;

    release(&ledger, &first).await;

    let second = ledger.claim(WorkKind::Turns).await.unwrap();
    assert_eq!(early, None);
    assert_eq!(second.turn_id, Some(talk.turn(2)));
    assert!(second.epoch > first.epoch);
}

pub async fn turns_and_calls_of_a_session_are_claimed_apart(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.ready(&talk, 1).await;
    ledger.commit(talk.asks(1)).await;
    ledger.commit(talk.finishes(0)).await;
    ledger.arrive(&talk, Subject::ToolResult(talk.call(0))).await;
    let turns = ledger.claim(WorkKind::Turns).await;
    let mut another = talk.asks(2);
    another.turn = None;
    ledger.commit(another).await;
    ledger.arrive(&talk, Subject::ToolRequest(talk.call(1))).await;

    let calls = ledger.claim(WorkKind::Calls).await.unwrap();

    assert_eq!(turns.unwrap().turn_id, Some(talk.turn(1)));
    assert_eq!((calls.session_id, calls.turn_id, calls.tries), (talk.session_id, None, 1));
}

/// A worker that dies at work, and again, cannot escape the count.
pub async fn try_is_counted_before_the_work(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.ready(&talk, 1).await;

    let mut tries = Vec::new();
    for round in 0..3 {
        let claim = ledger.claim_at(WorkKind::Turns, at(round * 60)).await.unwrap();
        tries.push(claim.tries);
    }

    assert_eq!(tries, [1, 2, 3]);
}

pub async fn count_of_tries_starts_anew_with_progress(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.ready(&talk, 1).await;
    ledger.claim(WorkKind::Turns).await.unwrap();
    ledger.claim_at(WorkKind::Turns, NOW + AFTER_TTL).await.unwrap();

    ledger.commit(talk.progresses(1, 1, TurnState::Ready)).await;

    let claim = ledger.claim_at(WorkKind::Turns, at(120)).await.unwrap();
    assert_eq!(claim.tries, 1);
}

pub async fn count_of_tries_starts_anew_when_released_in_good_order(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.ready(&talk, 1).await;
    ledger.claim(WorkKind::Turns).await.unwrap();
    let second = ledger.claim_at(WorkKind::Turns, NOW + AFTER_TTL).await.unwrap();

    release(&ledger, &second).await;

    let claim = ledger.claim_at(WorkKind::Turns, at(120)).await.unwrap();
    assert_eq!((second.tries, claim.tries), (2, 1));
}

pub async fn try_that_failed_stays_counted_when_released(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.ready(&talk, 1).await;
    let first = ledger.claim(WorkKind::Turns).await.unwrap();

    ledger.work.release(&first, Release::Failed, NOW, TTL).await.unwrap();

    assert_eq!(ledger.claim_at(WorkKind::Turns, at(29)).await, None);
    assert_eq!(ledger.claim_at(WorkKind::Turns, at(31)).await.unwrap().tries, 2);
}

pub async fn session_that_was_released_waits_for_its_delay(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.ready(&talk, 1).await;
    let claim = ledger.claim(WorkKind::Turns).await.unwrap();

    ledger.work.release(&claim, Release::Orderly, NOW, TTL).await.unwrap();

    assert_eq!(ledger.claim_at(WorkKind::Turns, at(29)).await, None);
    assert!(ledger.claim_at(WorkKind::Turns, at(31)).await.is_some());
}

pub async fn depth_counts_sessions_that_nobody_claimed(fixture: impl Fixture<Port = Ledger>) {
    let ledger = fixture.open().await;
    for number in 1..=3 {
        ledger.ready(&talk(number), 1).await;
        ledger.ready(&talk(number), 2).await;
    }
    ledger.commit(talk(4).accepts(1)).await;
    ledger.claim(WorkKind::Turns).await.unwrap();

    let depth = |kind, now| ledger.work.depth(kind, now);

    assert_eq!(depth(WorkKind::Turns, NOW).await.unwrap(), 2);
    assert_eq!(depth(WorkKind::Turns, NOW + AFTER_TTL).await.unwrap(), 3);
    assert_eq!(depth(WorkKind::Calls, NOW).await.unwrap(), 0);
}
