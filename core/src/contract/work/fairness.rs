//! One tenant's flood is its own queue.

use std::ops::RangeInclusive;

use super::super::Fixture;
use super::super::ledger::{AFTER_TTL, Ledger, TTL, at, newcomer, wants};
use super::super::talk::talk_of;
use crate::outbox::wire::Subject;
use crate::ports::work::{Claim, ClaimRequest, Release};
use crate::work::commit::WorkKind;

/// Sessions of a tenant with one ready turn each, a second apart.
async fn flood(ledger: &Ledger, tenant: &str, numbers: RangeInclusive<u64>) {
    for number in numbers {
        ledger.ready_at(&talk_of(tenant, number.into()), 1, at(number)).await;
    }
}

async fn claim_capped(ledger: &Ledger, tenant_cap: usize) -> Option<Claim> {
    let request = ClaimRequest { most: 1, tenant_cap, ..wants(WorkKind::Turns, newcomer()) };
    ledger.work.claim(request).await.unwrap().claims.pop()
}

async fn claimed(ledger: &Ledger, times: usize, cap: usize) -> Vec<String> {
    let mut tenants = Vec::new();
    for _ in 0..times {
        let claim = claim_capped(ledger, cap).await;
        tenants.push(claim.map_or_else(String::new, |claim| claim.tenant.to_string()));
    }
    tenants
}

pub async fn tenant_with_the_fewest_claims_is_served_first(fixture: impl Fixture<Port = Ledger>) {
    let ledger = fixture.open().await;
    flood(&ledger, "acme", 1..=4).await;
    flood(&ledger, "globex", 5..=6).await;

    let tenants = claimed(&ledger, 6, 100).await;

    assert_eq!(tenants, ["acme", "globex", "acme", "globex", "acme", "acme"]);
}

pub async fn oldest_work_of_a_tenant_is_served_first(fixture: impl Fixture<Port = Ledger>) {
    let ledger = fixture.open().await;
    let talks = [3, 1, 2].map(|number| talk_of("acme", number));
    for (seconds, talk) in (0..).zip(&talks) {
        ledger.ready_at(talk, 1, at(seconds)).await;
    }

    let mut sessions = Vec::new();
    while let Some(claim) = claim_capped(&ledger, 100).await {
        sessions.push(claim.session_id);
    }

    assert_eq!(sessions, talks.map(|talk| talk.session_id));
}

pub async fn tenant_at_its_cap_waits_and_others_do_not(fixture: impl Fixture<Port = Ledger>) {
    let ledger = fixture.open().await;
    flood(&ledger, "acme", 1..=5).await;
    flood(&ledger, "globex", 6..=6).await;

    let tenants = claimed(&ledger, 4, 2).await;

    assert_eq!(tenants, ["acme", "globex", "acme", ""]);
}

pub async fn cap_counts_live_claims_of_the_kind_only(fixture: impl Fixture<Port = Ledger>) {
    let ledger = fixture.open().await;
    flood(&ledger, "acme", 1..=3).await;
    let talk = talk_of("acme", 4);
    ledger.ready(&talk, 1).await;
    ledger.commit(talk.asks(1)).await;
    ledger.arrive(&talk, Subject::ToolRequest(talk.call(0))).await;
    ledger.claim(WorkKind::Calls).await.unwrap();

    let first = claim_capped(&ledger, 1).await.unwrap();
    let second = claim_capped(&ledger, 1).await;
    ledger.work.release(&first, Release::Orderly, TTL).await.unwrap();
    let third = claim_capped(&ledger, 1).await;
    ledger.clock.advance(AFTER_TTL).await;
    let fourth = claim_capped(&ledger, 1).await;

    assert_eq!(second, None);
    assert!(third.is_some() && fourth.is_some(), "{third:?} {fourth:?}");
}
