//! The suite of [`Leases`](crate::ports::Leases).
#![expect(missing_docs, reason = "the name of a case is its sentence")]

use std::time::Duration;

use futures_util::future::join_all;

use super::Fixture;
use super::ledger::{AFTER_TTL, Ledger, NOW, TTL, owner, partition};
use crate::outbox::lane::Lane;
use crate::outbox::topic::Topic;
use crate::stream::chain::Digest32;
use crate::work::ingest::{Batch, BatchOutcome};
use crate::work::lease::{PartitionLease, Resource};

super::suite! { leases:
    held_resource_is_refused_to_others,
    resource_has_one_holder_however_many_ask_at_the_same_time,
    every_acquisition_moves_the_epoch_up,
    resources_do_not_meet,
    lease_that_ended_goes_to_anyone_with_its_position,
    lease_that_was_released_goes_to_anyone_with_its_position,
    renewed_lease_does_not_end,
    renewal_by_an_older_epoch_changes_nothing,
    renewal_after_it_was_taken_over_changes_nothing,
    each_of_many_renewals_is_judged_by_itself,
    lease_that_was_released_is_not_renewed,
    release_by_an_older_epoch_changes_nothing,
    release_after_it_was_taken_over_changes_nothing,
    epoch_survives_a_restart,
    live_members_are_counted_once,
    member_that_falls_silent_no_longer_counts,
    member_that_leaves_no_longer_counts,
}

const A_MOMENT: Duration = Duration::from_secs(1);

fn resource() -> Resource {
    partition(Topic::MemoryWal)
}

async fn acquire(ledger: &Ledger, who: u128) -> Option<PartitionLease> {
    ledger.leases.acquire(&resource(), owner(who), TTL).await.unwrap()
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

    let leases = join_all((1..=16).map(|who| acquire(&ledger, who))).await;

    assert_eq!(leases.into_iter().flatten().count(), 1);
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
    ledger.leases.release(&third).await.unwrap();
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
    ];

    for (who, resource) in (1..).zip(&resources) {
        let lease = ledger.leases.acquire(resource, owner(who), TTL).await.unwrap();
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

    ledger.leases.release(&first).await.unwrap();

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
        renewed.extend(ledger.leases.renew(std::slice::from_ref(&lease), TTL).await.unwrap());
    }
    ledger.clock.advance(TTL / 2).await;

    let early = acquire(&ledger, 2).await;
    ledger.clock.advance(TTL).await;
    let late = acquire(&ledger, 2).await;

    assert_eq!((renewed, early), (vec![true; 3], None));
    assert!(late.is_some());
}

pub async fn renewal_by_an_older_epoch_changes_nothing(fixture: impl Fixture<Port = Ledger>) {
    let ledger = fixture.open().await;
    let old = acquire(&ledger, 1).await.unwrap();
    acquire(&ledger, 1).await.unwrap();

    let renewed = ledger.leases.renew(std::slice::from_ref(&old), TTL * 9).await.unwrap() == [true];

    ledger.clock.advance(AFTER_TTL).await;
    assert!(!renewed);
    assert!(acquire(&ledger, 2).await.is_some(), "the lease was prolonged");
}

pub async fn renewal_after_it_was_taken_over_changes_nothing(fixture: impl Fixture<Port = Ledger>) {
    let ledger = fixture.open().await;
    let old = acquire(&ledger, 1).await.unwrap();
    ledger.clock.advance(AFTER_TTL).await;
    let new = acquire(&ledger, 2).await.unwrap();

    let renewed = ledger.leases.renew(std::slice::from_ref(&old), TTL).await.unwrap() == [true];

    assert!(!renewed);
    assert_eq!(acquire(&ledger, 1).await, None);
    assert!(ledger.leases.renew(&[new], TTL).await.unwrap() == [true]);
}

pub async fn each_of_many_renewals_is_judged_by_itself(fixture: impl Fixture<Port = Ledger>) {
    let ledger = fixture.open().await;
    let old = acquire(&ledger, 1).await.unwrap();
    let new = acquire(&ledger, 1).await.unwrap();

    let renewed = ledger.leases.renew(&[old, new], TTL * 9).await.unwrap();

    ledger.clock.advance(AFTER_TTL).await;
    assert_eq!(renewed, [false, true]);
    assert_eq!(acquire(&ledger, 2).await, None, "the newer one was not prolonged");
}

pub async fn lease_that_was_released_is_not_renewed(fixture: impl Fixture<Port = Ledger>) {
    let ledger = fixture.open().await;
    let lease = acquire(&ledger, 1).await.unwrap();
    ledger.leases.release(&lease).await.unwrap();

    let renewed = ledger.leases.renew(std::slice::from_ref(&lease), TTL).await.unwrap() == [true];

    assert!(!renewed);
    assert!(acquire(&ledger, 2).await.is_some());
}

pub async fn release_by_an_older_epoch_changes_nothing(fixture: impl Fixture<Port = Ledger>) {
    let ledger = fixture.open().await;
    let old = acquire(&ledger, 1).await.unwrap();
    acquire(&ledger, 1).await.unwrap();

    ledger.leases.release(&old).await.unwrap();

    assert_eq!(acquire(&ledger, 2).await, None);
}

pub async fn release_after_it_was_taken_over_changes_nothing(fixture: impl Fixture<Port = Ledger>) {
    let ledger = fixture.open().await;
    let old = acquire(&ledger, 1).await.unwrap();
    ledger.clock.advance(AFTER_TTL).await;
    acquire(&ledger, 2).await.unwrap();

    ledger.leases.release(&old).await.unwrap();

    assert_eq!(acquire(&ledger, 3).await, None);
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

async fn join(ledger: &Ledger, group: &str, member: u128) -> usize {
    ledger.leases.join(group, owner(member), TTL).await.unwrap()
}

pub async fn live_members_are_counted_once(fixture: impl Fixture<Port = Ledger>) {
    let ledger = fixture.open().await;

    let mut counts = Vec::new();
    for (group, member) in [("a", 1), ("a", 1), ("a", 2), ("b", 1), ("a", 1)] {
        counts.push(join(&ledger, group, member).await);
    }

    assert_eq!(counts, [1, 1, 2, 1, 2]);
}

pub async fn member_that_falls_silent_no_longer_counts(fixture: impl Fixture<Port = Ledger>) {
    let ledger = fixture.open().await;
    join(&ledger, "a", 1).await;
    join(&ledger, "a", 2).await;
    ledger.clock.advance(TTL / 2).await;
    let both = join(&ledger, "a", 1).await;
    ledger.clock.advance(TTL / 2 + A_MOMENT).await;

    let left = join(&ledger, "a", 1).await;

    assert_eq!((both, left), (2, 1));
    assert_eq!(join(&ledger, "a", 2).await, 2);
}

pub async fn member_that_leaves_no_longer_counts(fixture: impl Fixture<Port = Ledger>) {
    let ledger = fixture.open().await;
    join(&ledger, "a", 1).await;
    join(&ledger, "a", 2).await;
    join(&ledger, "b", 2).await;

    ledger.leases.leave("a", owner(2)).await.unwrap();
    ledger.leases.leave("a", owner(3)).await.unwrap();

    assert_eq!((join(&ledger, "a", 1).await, join(&ledger, "b", 1).await), (1, 2));
}
