//! Many at once, and what ends with a commit.

use super::super::ledger::{Ledger, NOW, TTL, owner, wants};
use super::super::talk::{Talk, talk, talk_of};
use super::super::{Fixture, at_once};
use crate::ports::work::{Claim, ClaimRequest, Heartbeat};
use crate::work::backlog::Backlog;
use crate::work::commit::{Commit, CommitOutcome, WorkKind};
use crate::work::session::TurnState;

const TURNS: WorkKind = WorkKind::Turns;

/// Two tenants with three sessions each, all of the first before those of the second.
async fn two_tenants(fixture: &impl Fixture<Port = Ledger>) -> Ledger {
    let ledger = fixture.open().await;
    for number in 1..=3 {
        ledger.ready(&talk_of("acme", number), 1).await;
    }
    for number in 4..=6 {
        ledger.ready(&talk_of("globex", number), 1).await;
    }
    ledger
}

fn sessions(claims: &[Claim]) -> Vec<u128> {
    claims.iter().map(|claim| claim.session_id.as_uuid().as_u128()).collect()
}

pub async fn many_claims_in_one_call_are_fair(fixture: impl Fixture<Port = Ledger>) {
    let ledger = two_tenants(&fixture).await;

    let five = ledger.work.claim(ClaimRequest { most: 5, ..wants(TURNS, owner(1)) }).await.unwrap();
    let rest = ledger.work.claim(wants(TURNS, owner(2))).await.unwrap();

    assert_eq!(sessions(&five.claims), [1, 4, 2, 5, 3]);
    assert_eq!(sessions(&rest.claims), [6]);
    assert!(!five.more && !rest.more, "nothing waits for a release");
}

pub async fn one_call_keeps_to_the_cap(fixture: impl Fixture<Port = Ledger>) {
    let ledger = two_tenants(&fixture).await;

    let capped = |worker| ClaimRequest { tenant_cap: 2, ..wants(TURNS, owner(worker)) };
    let four = ledger.work.claim(capped(1)).await.unwrap();
    let none = ledger.work.claim(capped(2)).await.unwrap();

    assert_eq!(sessions(&four.claims), [1, 4, 2, 5]);
    assert_eq!(sessions(&none.claims), [] as [u128; 0]);
    assert!(four.more && none.more, "two wait until others are released");
}

pub async fn many_owners_at_once_share_no_session(fixture: impl Fixture<Port = Ledger>) {
    let ledger = fixture.open().await;
    for number in 1..=20 {
        ledger.ready(&talk(number), 1).await;
    }

    let six = |worker| ClaimRequest { most: 6, ..wants(TURNS, owner(worker)) };
    let claimed = at_once(&fixture, (1..=4).map(|worker| ledger.work.claim(six(worker)))).await;

    let claims = claimed.into_iter().flat_map(|claimed| claimed.unwrap().claims);
    let mut all: Vec<u128> = sessions(&claims.collect::<Vec<_>>());
    all.sort_unstable();
    assert_eq!(all, (1..=20).collect::<Vec<_>>());
}

pub async fn commit_releases_the_claim_with_all_else_that_it_does(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.ready(&talk, 1).await;
    ledger.ready(&talk, 2).await;
    let first = ledger.claim(TURNS).await.unwrap();

    ledger.commit(Commit { release: true, ..Talk::under(&first, talk.ends(1)) }).await;

    let holding = [first.holding()];
    let told = ledger.work.heartbeat(TURNS, first.owner, &holding, TTL).await.unwrap();
    assert_eq!(told, Heartbeat { lost: holding.to_vec(), cancelled: Vec::new() });
    let second = ledger.claim(TURNS).await.unwrap();
    assert_eq!(second.turn_id, Some(talk.turn(2)));
    assert!(second.epoch > first.epoch);
}

pub async fn commit_that_is_refused_releases_nothing(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.ready(&talk, 1).await;
    let claim = ledger.claim(TURNS).await.unwrap();
    let commit = talk.progresses(1, 7, TurnState::Ready);

    let outcome =
        ledger.store.commit(Commit { release: true, ..Talk::under(&claim, commit) }).await.unwrap();

    assert_eq!(outcome, CommitOutcome::Conflict);
    assert_eq!(ledger.claim(TURNS).await, None);
}

/// Whoever makes it could not hear that it was done.
pub async fn commit_that_released_is_done_already_until_another_has_the_claim(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.ready(&talk, 1).await;
    ledger.ready(&talk, 2).await;
    let claim = ledger.claim(TURNS).await.unwrap();
    let commit = Commit { release: true, ..Talk::under(&claim, talk.ends(1)) };
    let events = ledger.commit(commit.clone()).await;

    let again = ledger.store.commit(commit.clone()).await.unwrap();
    let other = Commit { release: true, ..Talk::under(&claim, talk.ends(2)) };
    let other = ledger.store.commit(other).await.unwrap();
    ledger.claim(TURNS).await.unwrap();
    let late = ledger.store.commit(commit).await.unwrap();

    assert_eq!(again, CommitOutcome::AlreadyDone(events));
    assert_eq!((other, late), (CommitOutcome::Fenced, CommitOutcome::Fenced));
}

pub async fn commit_without_a_claim_releases_nothing(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.ready(&talk, 1).await;
    ledger.claim(TURNS).await.unwrap();

    ledger.commit(Commit { release: true, ..talk.says("hello") }).await;

    assert_eq!(ledger.claim(TURNS).await, None);
}

pub async fn chain_that_has_moved_on_hinders_no_commit(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.ready(&talk, 1).await;
    let claim = ledger.claim(TURNS).await.unwrap();
    let chain = Some(claim.session.chain);
    ledger.commit(Commit { at: NOW, ..talk.says("in between") }).await;

    let events = ledger.commit(Commit { chain, ..Talk::under(&claim, talk.ends(1)) }).await;

    assert_eq!(events[0].seq.0, 3);
    assert_eq!(ledger.events(&talk).await.len(), 3);
}

pub async fn backlog_counts_what_waits_of_each_tenant(fixture: impl Fixture<Port = Ledger>) {
    let ledger = two_tenants(&fixture).await;
    let before = ledger.work.backlog(TURNS).await.unwrap();
    ledger.commit(talk_of("globex", 4).accepts(2)).await;
    let one = ClaimRequest { most: 1, ..wants(TURNS, owner(1)) };
    let claim = ledger.work.claim(one).await.unwrap().claims.remove(0);

    let claimed = ledger.work.backlog(TURNS).await.unwrap();
    ledger.commit(Talk::under(&claim, talk_of("acme", 1).ends(1))).await;
    ledger.commit(talk_of("acme", 2).ends(1)).await;
    ledger.commit(talk_of("acme", 3).ends(1)).await;
    let ended = ledger.work.backlog(TURNS).await.unwrap();

    let of = |backlog: &Backlog| {
        let waiting = backlog.waiting.iter().map(|(tenant, count)| (tenant.to_string(), *count));
        (waiting.collect::<Vec<_>>(), backlog.unfinished)
    };
    assert_eq!(of(&before), (vec![("acme".into(), 3), ("globex".into(), 3)], 6));
    assert_eq!(of(&claimed), (vec![("acme".into(), 2), ("globex".into(), 4)], 7));
    assert_eq!(of(&ended), (vec![("globex".into(), 4)], 4));
    assert_eq!((claimed.accepted - before.accepted, ended.accepted), (1, claimed.accepted));
}

pub async fn backlog_counts_calls_apart_from_turns(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.ready(&talk, 1).await;
    ledger.commit(talk.asks(3)).await;
    ledger.commit(talk.finishes(0)).await;

    let backlog = ledger.work.backlog(WorkKind::Calls).await.unwrap();

    assert_eq!((backlog.unfinished, backlog.waiting[&talk.tenant]), (2, 2));
}

pub async fn session_with_too_many_turns_takes_no_more(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let most_unfinished = Some(2);
    ledger.commit(Commit { most_unfinished, ..talk.accepts(1) }).await;
    ledger.commit(Commit { most_unfinished, ..talk.accepts(2) }).await;

    let third = Commit { most_unfinished, ..talk.accepts(3) };
    let refused = ledger.store.commit(third.clone()).await.unwrap();
    ledger.commit(talk.ends(1)).await;

    assert_eq!(refused, CommitOutcome::Conflict);
    ledger.commit(third).await;
}
