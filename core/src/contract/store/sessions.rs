//! Sessions: whose they are, how they are listed, and how they end.

use std::time::Duration;

use super::super::Fixture;
use super::super::ledger::{Ledger, MANY, NOW, TTL, at, owner};
use super::super::talk::{Talk, talk, talk_of};
use super::commits::everything;
use super::sight::{Sight, sight};
use crate::budget::Spent;
use crate::conversation::event::Seq;
use crate::ids::PersonaId;
use crate::outbox::wire::Subject;
use crate::ports::memory_queue::{SettledWrite, WriteOutcome};
use crate::work::commit::{Commit, CommitOutcome, OpenSession, WorkKind};
use crate::work::session::EventRange;

pub async fn session_is_opened_once(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let open = |persona| {
        let persona_id = Some(PersonaId::new(persona).unwrap());
        Commit { open: Some(OpenSession { persona_id }), ..talk.commit() }
    };
    ledger.commit(open("ada")).await;

    ledger.commit(Commit { at: at(9), events: vec![talk.said("a")], ..open("bob") }).await;

    let session = ledger.session(&talk).await;
    assert_eq!(session.persona_id, Some(PersonaId::new("ada").unwrap()));
    assert_eq!((session.created_at, session.updated_at), (NOW, at(9)));
    assert_eq!(session.chain.count, Seq(1));
}

pub async fn other_tenant_sees_nothing_of_a_session(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, ours, theirs) = (fixture.open().await, talk_of("acme", 1), talk_of("globex", 1));
    ledger.commit(everything(&ours)).await;

    let (store, session) = (&ledger.store, ours.session_id);

    assert_eq!(store.session(&theirs.tenant, session).await.unwrap(), None);
    assert_eq!(ledger.events(&theirs).await, []);
    let newest = EventRange::Before(Seq(MANY as u64));
    assert_eq!(store.events(&theirs.tenant, session, newest, MANY).await.unwrap(), []);
    assert_eq!(store.sessions(&theirs.tenant, None, MANY).await.unwrap(), []);
    assert!(!store.erase(&theirs.tenant, session, NOW).await.unwrap());
    assert_eq!(ledger.events(&ours).await.len(), 1);
}

pub async fn other_tenant_commits_nothing_to_a_session(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, ours, theirs) = (fixture.open().await, talk_of("acme", 1), talk_of("globex", 1));
    ledger.commit(ours.accepts(1)).await;
    let pending = ledger.pending().await;

    let repetition = ledger.store.commit(theirs.accepts(1)).await.unwrap();
    let other = ledger.store.commit(theirs.says("new")).await.unwrap();

    assert_eq!(repetition, CommitOutcome::NoSession);
    assert_eq!(other, CommitOutcome::NoSession);
    assert_eq!(ledger.events(&ours).await.len(), 1);
    assert_eq!(ledger.pending().await, pending);
}

pub async fn sessions_with_the_newest_events_come_first(fixture: impl Fixture<Port = Ledger>) {
    let ledger = fixture.open().await;
    for (number, seconds) in [(1, 10), (2, 30), (3, 20)] {
        ledger.commit(Commit { at: at(seconds), ..talk(number).says("a") }).await;
    }
    ledger.commit(Commit { at: at(40), ..talk(1).says("b") }).await;
    ledger.commit(Commit { at: at(50), ..talk(3).commit() }).await;

    let sessions = ledger.store.sessions(&talk(1).tenant, None, MANY).await.unwrap();

    let ids = sessions.into_iter().map(|session| session.session_id).collect::<Vec<_>>();
    assert_eq!(ids, [1, 2, 3].map(|number| talk(number).session_id));
}

/// The clocks of those who commit are not one: who pages through a list in which a session moved down
/// meets it twice.
pub async fn session_does_not_move_down_by_an_event_of_an_earlier_time(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.commit(Commit { at: at(9), ..talk.says("a") }).await;

    ledger.commit(Commit { at: at(8), ..talk.says("b") }).await;

    assert_eq!(ledger.session(&talk).await.updated_at, at(9));
}

pub async fn pages_of_sessions_hold_each_session_once(fixture: impl Fixture<Port = Ledger>) {
    let ledger = fixture.open().await;
    let talks = (1..=7).map(talk).collect::<Vec<_>>();
    for (index, talk) in talks.iter().enumerate() {
        ledger.commit(Commit { at: at(index as u64 / 4), ..talk.says("a") }).await;
    }

    let (mut seen, mut after) = (Vec::new(), None);
    for _ in 0..=talks.len() {
        let page = ledger.store.sessions(&talks[0].tenant, after, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some((last.updated_at, last.session_id));
        seen.extend(page.into_iter().map(|session| session.session_id));
    }

    assert_eq!(seen.len(), 7);
    seen.sort();
    assert_eq!(seen, talks.iter().map(|talk| talk.session_id).collect::<Vec<_>>());
}

pub async fn erased_session_does_not_exist(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let nothing = sight(&ledger, &talk).await;
    ledger.commit(everything(&talk)).await;

    let erased = ledger.store.erase(&talk.tenant, talk.session_id, NOW).await.unwrap();

    let left = sight(&ledger, &talk).await;
    let spent = left.spent;
    assert!(erased);
    assert_eq!(left, Sight { spent, memories: 1, ..nothing }, "it is to be forgotten");
    assert_eq!(ledger.store.sessions(&talk.tenant, None, MANY).await.unwrap(), []);
    assert_eq!(ledger.store.call(talk.call(0)).await.unwrap(), None);
}

pub async fn session_is_erased_once(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let before = ledger.store.erase(&talk.tenant, talk.session_id, NOW).await.unwrap();
    ledger.commit(everything(&talk)).await;
    let first = ledger.store.erase(&talk.tenant, talk.session_id, NOW).await.unwrap();

    let second = ledger.store.erase(&talk.tenant, talk.session_id, NOW).await.unwrap();

    assert_eq!([before, first, second], [false, true, false]);
}

pub async fn erased_session_takes_what_was_said_along(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.commit(everything(&talk)).await;
    let lanes = ledger.memory_lanes(owner(1)).await;
    let taken = ledger.memory_queue.due(&lanes, MANY).await.unwrap();

    ledger.store.erase(&talk.tenant, talk.session_id, NOW).await.unwrap();

    assert_eq!(ledger.pending().await, []);
    let outcome = WriteOutcome::PutOff(Duration::ZERO);
    let settlement = SettledWrite { due: taken[0].clone(), outcome };
    assert_eq!(ledger.memory_queue.settle(&lanes, &[settlement]).await.unwrap(), [false]);
    assert_eq!(ledger.memory_queue.due(&lanes, MANY).await.unwrap(), []);
}

pub async fn erased_session_leaves_no_work(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, claimed, ready) = (fixture.open().await, talk(1), talk(2));
    ledger.ready(&claimed, 1).await;
    let claim = ledger.claim(WorkKind::Turns).await.unwrap();
    ledger.ready(&ready, 1).await;

    for talk in [&claimed, &ready] {
        ledger.store.erase(&talk.tenant, talk.session_id, NOW).await.unwrap();
    }

    let holding = [claim.holding()];
    let told = ledger.work.heartbeat(WorkKind::Turns, claim.owner, &holding, TTL).await.unwrap();
    assert_eq!(told.lost, holding);
    assert_eq!(ledger.claim_after(WorkKind::Turns, 3_600).await, None);
    assert_eq!(ledger.work.depth(WorkKind::Turns).await.unwrap(), 0);
}

pub async fn no_commit_brings_an_erased_session_back(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.commit(talk.accepts(1)).await;
    ledger.store.erase(&talk.tenant, talk.session_id, NOW).await.unwrap();

    let repetition = ledger.store.commit(talk.accepts(1)).await.unwrap();
    let new = ledger.store.commit(talk.accepts(2)).await.unwrap();
    ledger.arrive(&talk, Subject::Turn(talk.turn(1))).await;

    assert_eq!(repetition, CommitOutcome::NoSession);
    assert_eq!(new, CommitOutcome::NoSession);
    assert_eq!(ledger.store.session(&talk.tenant, talk.session_id).await.unwrap(), None);
}

pub async fn erasing_leaves_other_sessions_alone(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, gone, kept) = (fixture.open().await, talk(1), talk(2));
    ledger.ready(&gone, 1).await;
    ledger.ready(&kept, 1).await;
    ledger.commit(Commit { memory: vec![kept.memory("a")], ..kept.commit() }).await;

    ledger.store.erase(&gone.tenant, gone.session_id, NOW).await.unwrap();

    let claim = ledger.claim(WorkKind::Turns).await.unwrap();
    assert_eq!((claim.session_id, claim.turn_id), (kept.session_id, Some(kept.turn(1))));
    assert_eq!(ledger.events(&kept).await.len(), 1);
    assert_eq!(ledger.pending().await.len(), 2);
    let lanes = ledger.memory_lanes(owner(1)).await;
    assert_eq!(ledger.memory_queue.due(&lanes, MANY).await.unwrap().len(), 1);
}

pub async fn erasing_settles_what_was_set_aside_in_full(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, gone, kept) = (fixture.open().await, talk(1), talk(2));
    let settled = gone.settles(1, 7);
    let usage = vec![gone.reserves(1, 100), settled, gone.reserves(2, 50)];
    ledger.commit(Commit { usage, ..gone.accepts(1) }).await;
    ledger.commit(Commit { usage: vec![kept.reserves(1, 20)], ..kept.accepts(1) }).await;

    ledger.store.erase(&gone.tenant, gone.session_id, NOW).await.unwrap();

    let spent = ledger.spent(&gone).await;
    assert_eq!(spent, Spent { used: 57, reserved: 20 });
}

/// What is not durable begins anew, empty.
pub async fn what_was_committed_survives_a_restart<F: Fixture<Port = Ledger>>(fixture: F) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let empty = sight(&ledger, &talk).await;
    ledger.commit(everything(&talk)).await;
    let before = sight(&ledger, &talk).await;
    drop(ledger);

    let ledger = fixture.open().await;

    assert_eq!(sight(&ledger, &talk).await, if F::DURABLE { before } else { empty });
    let again = ledger.store.commit(everything(&talk)).await.unwrap();
    assert_eq!(matches!(again, CommitOutcome::AlreadyDone(_)), F::DURABLE, "{again:?}");
}

pub async fn what_was_erased_stays_erased_after_a_restart<F: Fixture<Port = Ledger>>(fixture: F) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.commit(talk.says("a")).await;
    ledger.store.erase(&talk.tenant, talk.session_id, NOW).await.unwrap();
    drop(ledger);

    let ledger = fixture.open().await;

    let back = ledger.store.commit(talk.says("b")).await.unwrap();
    assert_eq!(back == CommitOutcome::NoSession, F::DURABLE, "{back:?}");
}

pub async fn heads_of_many_sessions_come_in_the_order_they_were_asked_for(
    fixture: impl Fixture<Port = Ledger>,
) {
    let ledger = fixture.open().await;
    let (one, two, empty, gone) = (talk(1), talk_of("other", 2), talk(3), talk(4));
    ledger.commit(one.says("a")).await;
    ledger.commit(one.says("b")).await;
    ledger.commit(two.says("c")).await;
    ledger.commit(empty.commit()).await;
    ledger.commit(gone.says("d")).await;
    ledger.store.erase(&gone.tenant, gone.session_id, NOW).await.unwrap();
    let many = (10..500).map(talk).collect::<Vec<_>>();
    for talk in &many {
        ledger.commit(talk.says("e")).await;
    }

    let place = |talk: &Talk| (talk.tenant.clone(), talk.session_id);
    let foreign = (one.tenant.clone(), two.session_id);
    let few = [place(&two), place(&gone), foreign, place(&empty), place(&one), place(&talk(9))];
    let asked: Vec<_> = few.into_iter().chain(many.iter().map(place)).collect();
    let heads = ledger.store.heads(&asked).await.unwrap();

    let few = [Some(Seq(1)), None, None, Some(Seq(0)), Some(Seq(2)), None];
    assert_eq!(heads[..few.len()], few);
    assert_eq!(heads[few.len()..], vec![Some(Seq(1)); many.len()]);
    assert_eq!(ledger.store.heads(&[]).await.unwrap(), []);
}
