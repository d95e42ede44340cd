//! The suite of [`Leases`](crate::ports::Leases).
#![expect(missing_docs, reason = "the name of a case is its sentence")]

mod members;

use std::time::Duration;

use super::ledger::{AFTER_TTL, Ledger, MANY, NOW, TTL, owner, partition};
use super::{Fixture, at_once};
use crate::digest::Digest32;
use crate::outbox::lane::Lane;
use crate::outbox::topic::Topic;
use crate::work::ingest::{Batch, BatchOutcome};
use crate::work::lease::{Member, PartitionLease, Resource};

pub use members::*;

super::suite! { leases:
    // resources
    held_resource_is_refused_to_others,
    resource_has_one_holder_however_many_ask_at_the_same_time,
    many_who_ask_for_the_same_in_other_orders_share_it_out,
    every_acquisition_moves_the_epoch_up,
    resources_do_not_meet,
    lease_that_ended_goes_to_anyone_with_its_position,
    lease_that_was_released_goes_to_anyone_with_its_position,
    renewed_lease_does_not_end,
    lease_that_ended_and_was_not_taken_over_goes_on_when_renewed,
    renewal_by_an_older_epoch_changes_nothing,
    renewal_after_it_was_taken_over_changes_nothing,
    each_of_many_renewals_is_judged_by_itself,
    lease_that_was_released_is_not_renewed,
    release_by_an_older_epoch_changes_nothing,
    release_after_it_was_taken_over_changes_nothing,
    of_many_resources_those_that_are_free_are_acquired_in_their_order,
    no_more_are_acquired_than_were_asked_for,
    many_are_released_at_once_and_each_is_judged_by_itself,
    epoch_survives_a_restart,
    // members
    live_members_are_counted_once,
    member_that_falls_silent_no_longer_counts,
    member_that_leaves_no_longer_counts,
    member_that_leaves_gives_its_leases_up,
}

fn resource() -> Resource {
    partition(Topic::MemoryWal)
}

async fn acquire(ledger: &Ledger, who: u128) -> Option<PartitionLease> {
    ledger.lease_for(&resource(), owner(who)).await
}

/// Renews a lease as its owner. Returns whether it still was its owner's.
async fn renew(ledger: &Ledger, lease: &PartitionLease, ttl: Duration) -> bool {
    let member = Member { group: "renewing".into(), owner: lease.owner };
    let renewed = ledger.leases.renew(&member, std::slice::from_ref(lease), ttl).await.unwrap();
    renewed.held == [true]
}

async fn release(ledger: &Ledger, lease: &PartitionLease) {
    ledger.leases.release(std::slice::from_ref(lease)).await.unwrap();
}

fn lanes(numbers: impl IntoIterator<Item = u32>) -> Vec<Resource> {
    numbers.into_iter().map(|number| Resource::Lane(Lane(number))).collect()
}

/// What was acquired of many.
async fn acquire_of(
    ledger: &Ledger,
    resources: &[Resource],
    most: usize,
    who: u128,
) -> Vec<Resource> {
    let acquired = ledger.leases.acquire(resources, most, owner(who), TTL).await.unwrap();
    assert!(acquired.iter().all(|lease| lease.owner == owner(who)), "{acquired:?}");
    acquired.into_iter().map(|lease| lease.resource).collect()
}

/// The digest of the last record that was applied.
fn last() -> Digest32 {
    Digest32::of(b"last")
}

/// Moves the position to an offset.
async fn move_to(ledger: &Ledger, lease: &PartitionLease, next_offset: u64) {
    let (lease, items, dead) = (lease.clone(), Vec::new(), Vec::new());
    let batch = Batch { lease, next_offset, last: Some(last()), at: NOW, items, dead };
    assert_eq!(ledger.replica.apply(batch).await.unwrap(), BatchOutcome::Applied);
}

pub async fn held_resource_is_refused_to_others(fixture: impl Fixture<Port = Ledger>) {
    let ledger = fixture.open().await;

    let first = acquire(&ledger, 1).await.unwrap();
    ledger.clock.advance(TTL / 2).await;
    let second = acquire(&ledger, 2).await;

    assert_eq!((first.resource, first.owner), (resource(), owner(1)));
    assert_eq!((first.next_offset, first.last), (0, None));
    assert_eq!(second, None);
}

pub async fn resource_has_one_holder_however_many_ask_at_the_same_time(
    fixture: impl Fixture<Port = Ledger>,
) {
    let ledger = fixture.open().await;

    let leases = at_once(&fixture, (1..=16).map(|who| acquire(&ledger, who))).await;

    assert_eq!(leases.into_iter().flatten().count(), 1, "one holds it, the others are refused");
}

/// Nobody fails because another asks at the same time.
pub async fn many_who_ask_for_the_same_in_other_orders_share_it_out(
    fixture: impl Fixture<Port = Ledger>,
) {
    let ledger = fixture.open().await;
    let (up, down) = (lanes(0..12), lanes((0..12).rev()));

    let orders = (1..=8).map(|who| (who, if who % 2 == 0 { &up } else { &down }));
    let asked = orders.map(|(who, order)| acquire_of(&ledger, order, 3, who));
    let mut acquired = at_once(&fixture, asked).await.concat();

    acquired.sort();
    assert_eq!(acquired, up, "every lane is acquired, and by one");
}

/// Also by the same owner: a restarted task fences its own older self.
pub async fn every_acquisition_moves_the_epoch_up(fixture: impl Fixture<Port = Ledger>) {
    let ledger = fixture.open().await;

    let mut epochs = Vec::new();
    for who in [1, 1] {
        epochs.push(acquire(&ledger, who).await.unwrap().epoch);
    }
    ledger.clock.advance(AFTER_TTL).await;
    let third = acquire(&ledger, 2).await.unwrap();
    release(&ledger, &third).await;
    epochs.extend([third.epoch, acquire(&ledger, 2).await.unwrap().epoch]);

    assert!(epochs.is_sorted_by(|earlier, later| earlier < later), "{epochs:?}");
}

pub async fn resources_do_not_meet(fixture: impl Fixture<Port = Ledger>) {
    let ledger = fixture.open().await;
    let place = |group: &str, topic, partition| Resource::Partition {
        group: group.into(),
        topic,
        partition,
    };
    let resources = [
        place("one", Topic::MemoryWal, 0),
        place("one", Topic::MemoryWal, 1),
        place("one", Topic::ToolResults, 0),
        place("other", Topic::MemoryWal, 0),
        Resource::Lane(Lane(0)),
        Resource::Lane(Lane(1)),
        Resource::MemoryLane(Lane(0)),
    ];

    for (who, resource) in (1..).zip(&resources) {
        let lease = ledger.lease_for(resource, owner(who)).await;
        assert_eq!(lease.map(|lease| lease.resource).as_ref(), Some(resource));
    }
}

pub async fn lease_that_ended_goes_to_anyone_with_its_position(
    fixture: impl Fixture<Port = Ledger>,
) {
    let ledger = fixture.open().await;
    let first = acquire(&ledger, 1).await.unwrap();
    move_to(&ledger, &first, 7).await;

    ledger.clock.advance(AFTER_TTL).await;

    let second = acquire(&ledger, 2).await.unwrap();
    assert_eq!((second.owner, second.next_offset, second.last), (owner(2), 7, Some(last())));
    assert!(second.epoch > first.epoch);
}

pub async fn lease_that_was_released_goes_to_anyone_with_its_position(
    fixture: impl Fixture<Port = Ledger>,
) {
    let ledger = fixture.open().await;
    let first = acquire(&ledger, 1).await.unwrap();
    move_to(&ledger, &first, 7).await;

    release(&ledger, &first).await;

    let second = acquire(&ledger, 2).await.unwrap();
    assert_eq!((second.owner, second.next_offset, second.last), (owner(2), 7, Some(last())));
    assert!(second.epoch > first.epoch);
}

pub async fn renewed_lease_does_not_end(fixture: impl Fixture<Port = Ledger>) {
    let ledger = fixture.open().await;
    let lease = acquire(&ledger, 1).await.unwrap();
    let mut renewed = Vec::new();
    for _ in 0..3 {
        ledger.clock.advance(TTL / 2).await;
        renewed.push(renew(&ledger, &lease, TTL).await);
    }
    ledger.clock.advance(TTL / 2).await;

    let early = acquire(&ledger, 2).await;
    ledger.clock.advance(TTL).await;
    let late = acquire(&ledger, 2).await;

    assert_eq!((renewed, early), (vec![true; 3], None));
    assert!(late.is_some());
}

pub async fn lease_that_ended_and_was_not_taken_over_goes_on_when_renewed(
    fixture: impl Fixture<Port = Ledger>,
) {
    let ledger = fixture.open().await;
    let lease = acquire(&ledger, 1).await.unwrap();
    ledger.clock.advance(AFTER_TTL).await;

    let renewed = renew(&ledger, &lease, TTL).await;

    assert!(renewed);
    assert_eq!(acquire(&ledger, 2).await, None);
}

pub async fn renewal_by_an_older_epoch_changes_nothing(fixture: impl Fixture<Port = Ledger>) {
    let ledger = fixture.open().await;
    let old = acquire(&ledger, 1).await.unwrap();
    acquire(&ledger, 1).await.unwrap();

    let renewed = renew(&ledger, &old, TTL * 9).await;

    ledger.clock.advance(AFTER_TTL).await;
    assert!(!renewed);
    assert!(acquire(&ledger, 2).await.is_some(), "the lease was prolonged");
}

pub async fn renewal_after_it_was_taken_over_changes_nothing(fixture: impl Fixture<Port = Ledger>) {
    let ledger = fixture.open().await;
    let old = acquire(&ledger, 1).await.unwrap();
    ledger.clock.advance(AFTER_TTL).await;
    let new = acquire(&ledger, 2).await.unwrap();

    let renewed = renew(&ledger, &old, TTL).await;

    assert!(!renewed);
    assert_eq!(acquire(&ledger, 1).await, None);
    assert!(renew(&ledger, &new, TTL).await);
}

pub async fn each_of_many_renewals_is_judged_by_itself(fixture: impl Fixture<Port = Ledger>) {
    let ledger = fixture.open().await;
    let old = acquire(&ledger, 1).await.unwrap();
    let new = acquire(&ledger, 1).await.unwrap();

    let member = Member { group: "a".into(), owner: owner(1) };
    let renewed = ledger.leases.renew(&member, &[old, new], TTL * 9).await.unwrap();

    ledger.clock.advance(AFTER_TTL).await;
    assert_eq!(renewed.held, [false, true]);
    assert_eq!(acquire(&ledger, 2).await, None, "the newer one was not prolonged");
}

pub async fn lease_that_was_released_is_not_renewed(fixture: impl Fixture<Port = Ledger>) {
    let ledger = fixture.open().await;
    let lease = acquire(&ledger, 1).await.unwrap();
    release(&ledger, &lease).await;

    let renewed = renew(&ledger, &lease, TTL).await;

    assert!(!renewed);
    assert!(acquire(&ledger, 2).await.is_some());
}

pub async fn release_by_an_older_epoch_changes_nothing(fixture: impl Fixture<Port = Ledger>) {
    let ledger = fixture.open().await;
    let old = acquire(&ledger, 1).await.unwrap();
    acquire(&ledger, 1).await.unwrap();

    release(&ledger, &old).await;

    assert_eq!(acquire(&ledger, 2).await, None);
}

pub async fn release_after_it_was_taken_over_changes_nothing(fixture: impl Fixture<Port = Ledger>) {
    let ledger = fixture.open().await;
    let old = acquire(&ledger, 1).await.unwrap();
    ledger.clock.advance(AFTER_TTL).await;
    acquire(&ledger, 2).await.unwrap();

    release(&ledger, &old).await;

    assert_eq!(acquire(&ledger, 3).await, None);
}

pub async fn of_many_resources_those_that_are_free_are_acquired_in_their_order(
    fixture: impl Fixture<Port = Ledger>,
) {
    let ledger = fixture.open().await;
    acquire_of(&ledger, &lanes([1, 3]), MANY, 1).await;

    let acquired = acquire_of(&ledger, &lanes([4, 3, 2, 1, 0]), MANY, 2).await;

    assert_eq!(acquired, lanes([4, 2, 0]));
}

/// And of those beyond, nothing is changed: whoever holds one keeps its epoch.
pub async fn no_more_are_acquired_than_were_asked_for(fixture: impl Fixture<Port = Ledger>) {
    let ledger = fixture.open().await;
    acquire_of(&ledger, &lanes([0]), MANY, 2).await;
    let own = ledger.lease_for(&Resource::Lane(Lane(3)), owner(1)).await.unwrap();

    let none = acquire_of(&ledger, &lanes([1, 2, 3]), 0, 1).await;
    let two = acquire_of(&ledger, &lanes([0, 1, 2, 3, 4]), 2, 1).await;

    assert_eq!((none, two), (lanes([]), lanes([1, 2])));
    assert!(renew(&ledger, &own, TTL).await, "the lease that was beyond is another one now");
    assert_eq!(acquire_of(&ledger, &lanes([4]), 1, 2).await, lanes([4]));
}

pub async fn many_are_released_at_once_and_each_is_judged_by_itself(
    fixture: impl Fixture<Port = Ledger>,
) {
    let ledger = fixture.open().await;
    let leases = ledger.leases.acquire(&lanes([0, 1, 2]), MANY, owner(1), TTL).await.unwrap();
    ledger.lease_for(&leases[1].resource, owner(1)).await.unwrap();

    ledger.leases.release(&leases).await.unwrap();

    assert_eq!(acquire_of(&ledger, &lanes([0, 1, 2]), MANY, 2).await, lanes([0, 2]));
}

pub async fn epoch_survives_a_restart<F: Fixture<Port = Ledger>>(fixture: F) {
    let ledger = fixture.open().await;
    let before = acquire(&ledger, 1).await.unwrap();
    move_to(&ledger, &before, 7).await;
    drop(ledger);

    let ledger = fixture.open().await;

    let other = acquire(&ledger, 2).await;
    assert_eq!(other.is_none(), F::DURABLE);
    ledger.clock.advance(AFTER_TTL).await;
    let after = acquire(&ledger, 1).await.unwrap();
    let expected = if F::DURABLE { (true, 7, Some(last())) } else { (true, 0, None) };
    assert_eq!((after.epoch > before.epoch, after.next_offset, after.last), expected);
}
