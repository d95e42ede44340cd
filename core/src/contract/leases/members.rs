//! Who is alive, of those who share resources out.

use std::time::Duration;

use super::{acquire_of, lanes};
use crate::contract::Fixture;
use crate::contract::ledger::{Ledger, MANY, TTL, owner};
use crate::work::lease::Member;

const A_MOMENT: Duration = Duration::from_secs(1);

fn member(group: &str, number: u128) -> Member {
    Member { group: group.into(), owner: owner(number) }
}

/// Says that a member is alive. Returns how many of its group are.
async fn live(ledger: &Ledger, group: &str, number: u128) -> usize {
    ledger.leases.renew(&member(group, number), &[], TTL).await.unwrap().members
}

pub async fn live_members_are_counted_once(fixture: impl Fixture<Port = Ledger>) {
    let ledger = fixture.open().await;

    let mut counts = Vec::new();
    for (group, number) in [("a", 1), ("a", 1), ("a", 2), ("b", 1), ("a", 1)] {
        counts.push(live(&ledger, group, number).await);
    }

    assert_eq!(counts, [1, 1, 2, 1, 2]);
}

pub async fn member_that_falls_silent_no_longer_counts(fixture: impl Fixture<Port = Ledger>) {
    let ledger = fixture.open().await;
    live(&ledger, "a", 1).await;
    live(&ledger, "a", 2).await;
    ledger.clock.advance(TTL / 2).await;
    let both = live(&ledger, "a", 1).await;
    ledger.clock.advance(TTL / 2 + A_MOMENT).await;

    let left = live(&ledger, "a", 1).await;

    assert_eq!((both, left), (2, 1));
    assert_eq!(live(&ledger, "a", 2).await, 2);
}

pub async fn member_that_leaves_no_longer_counts(fixture: impl Fixture<Port = Ledger>) {
    let ledger = fixture.open().await;
    live(&ledger, "a", 1).await;
    live(&ledger, "a", 2).await;
    live(&ledger, "b", 2).await;

    ledger.leases.leave(&member("a", 2), &[]).await.unwrap();
    ledger.leases.leave(&member("a", 3), &[]).await.unwrap();

    assert_eq!((live(&ledger, "a", 1).await, live(&ledger, "b", 1).await), (1, 2));
}

/// Those that are still its own.
pub async fn member_that_leaves_gives_its_leases_up(fixture: impl Fixture<Port = Ledger>) {
    let ledger = fixture.open().await;
    let mut leases = ledger.leases.acquire(&lanes([0, 1, 2]), MANY, owner(1), TTL).await.unwrap();
    leases.pop();
    ledger.lease_for(&leases[0].resource, owner(1)).await.unwrap();

    ledger.leases.leave(&member("a", 1), &leases).await.unwrap();

    assert_eq!(acquire_of(&ledger, &lanes([0, 1, 2]), MANY, 2).await, lanes([1]));
}
