//! Cases about lanes: who is told of a write, and who may settle it.

use std::slice::from_ref;
use std::time::Duration;

use super::holder::Holder;
use super::{pass, queue};
use crate::contract::ledger::{AFTER_TTL, Ledger, MANY, NOW};
use crate::contract::talk::{Talk, talk};
use crate::contract::{Fixture, at_once};
use crate::outbox::lane::Lane;
use crate::outbox::topic::Topic;
use crate::ports::memory_queue::{SettledWrite, WriteOutcome};
use crate::work::lease::Resource;

async fn with_one_write(fixture: &impl Fixture<Port = Ledger>, talk: &Talk) -> Ledger {
    let ledger = fixture.open().await;
    queue(&ledger, talk, vec![talk.memory("a")]).await;
    ledger
}

pub async fn write_is_due_in_the_lane_of_its_key_alone(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let writes: Vec<_> = (0..64).map(|number| talk.memory(&format!("{number}"))).collect();
    queue(&ledger, &talk, writes.clone()).await;
    let holder = Holder::new(&ledger, 1).await;

    let mut seen = 0;
    for lease in &holder.lanes {
        let due = ledger.memory_queue.due(from_ref(lease), MANY).await.unwrap();
        let lanes = due.iter().map(|due| Resource::MemoryLane(Lane::of(&due.write.key)));
        assert!(lanes.into_iter().all(|lane| lane == lease.resource), "{}", lease.resource);
        seen += due.len();
    }

    assert_eq!(seen, writes.len());
    assert_eq!(ledger.memory_queue.due(&[], MANY).await.unwrap(), []);
}

pub async fn write_whose_holder_died_is_due_to_the_next(fixture: impl Fixture<Port = Ledger>) {
    let talk = talk(1);
    let ledger = with_one_write(&fixture, &talk).await;
    let first = Holder::new(&ledger, 1).await.due().await;
    let too_early = Holder::new(&ledger, 2).await;

    ledger.clock.advance(AFTER_TTL).await;
    let next = Holder::new(&ledger, 2).await;

    assert_eq!((too_early.lanes.len(), next.due().await), (0, first));
}

pub async fn lane_that_was_taken_over_has_nothing_due_for_its_former_holder(
    fixture: impl Fixture<Port = Ledger>,
) {
    let talk = talk(1);
    let ledger = with_one_write(&fixture, &talk).await;
    let former = Holder::new(&ledger, 1).await;
    ledger.clock.advance(AFTER_TTL).await;

    let next = Holder::new(&ledger, 2).await;

    assert_eq!((former.due().await.len(), next.due().await.len()), (0, 1));
}

pub async fn lease_that_ended_and_that_nobody_took_over_goes_on(
    fixture: impl Fixture<Port = Ledger>,
) {
    let talk = talk(1);
    let ledger = with_one_write(&fixture, &talk).await;
    let holder = Holder::new(&ledger, 1).await;

    ledger.clock.advance(AFTER_TTL).await;

    let due = holder.due().await;
    assert!(holder.made(&due[0]).await);
}

pub async fn settlement_under_a_lease_that_was_taken_over_changes_nothing(
    fixture: impl Fixture<Port = Ledger>,
) {
    let talk = talk(1);
    let ledger = with_one_write(&fixture, &talk).await;
    let former = Holder::new(&ledger, 1).await;
    let due = former.due().await.remove(0);
    ledger.clock.advance(AFTER_TTL).await;
    let next = Holder::new(&ledger, 2).await;

    let made = former.made(&due).await;
    let put_off = former.put_off(&due, 60).await;
    let refused = former.settle_as(&due, WriteOutcome::Refused(talk.letter("refused"))).await;

    assert_eq!([made, put_off, refused], [false; 3]);
    assert_eq!(ledger.pending().await, []);
    assert_eq!(next.due().await, from_ref(&due), "it is due, and was not tried");
    assert!(next.made(&due).await);
}

pub async fn settlement_without_the_lease_of_its_lane_changes_nothing(
    fixture: impl Fixture<Port = Ledger>,
) {
    let talk = talk(1);
    let ledger = with_one_write(&fixture, &talk).await;
    let mut holder = Holder::new(&ledger, 1).await;
    let due = holder.due().await.remove(0);
    let own = Resource::MemoryLane(Lane::of(&due.write.key));
    // The outbox has a lane of the same number: it is another.
    let of_outbox = ledger.lease(&Resource::Lane(Lane::of(&due.write.key))).await;
    holder.lanes.retain(|lease| lease.resource != own);
    holder.lanes.push(of_outbox);

    let settled = holder.made(&due).await;

    assert!(!settled);
    assert_eq!(ledger.published(Topic::MemoryWal).await, []);
    assert_eq!(holder.due().await, []);
}

pub async fn write_that_is_settled_by_many_at_the_same_time_is_settled_once(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let writes = (0..16).map(|number| talk.memory(&format!("{number}"))).collect();
    queue(&ledger, &talk, writes).await;
    let holder = Holder::new(&ledger, 1).await;
    let made = |due| SettledWrite { due, outcome: WriteOutcome::Made(NOW) };
    let settlements = holder.due().await.into_iter().map(made).collect::<Vec<_>>();

    let asked = (0..8).map(|_| ledger.memory_queue.settle(&holder.lanes, &settlements));
    let settled = at_once(&fixture, asked).await;

    let mut times = [0; 16];
    for (place, ours) in settled.into_iter().flat_map(|one| one.unwrap().into_iter().enumerate()) {
        times[place] += usize::from(ours);
    }
    assert_eq!(times, [1; 16]);
    assert_eq!(ledger.published(Topic::MemoryWal).await.len(), 16);
}

/// The former holder settles while others take its lanes over, and settle the same.
pub async fn write_that_is_settled_while_its_lane_is_taken_over_is_settled_once(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let writes = (0..16).map(|number| talk.memory(&format!("{number}"))).collect();
    queue(&ledger, &talk, writes).await;
    let former = Holder::new(&ledger, 1).await;
    let due = former.due().await;
    pass(&ledger, AFTER_TTL.as_secs()).await;

    let settles = |who: u128| {
        let (ledger, lanes, due) = (ledger.clone(), former.lanes.clone(), due.clone());
        async move {
            let mut holder = Holder::new(&ledger, who).await;
            if who == 1 {
                holder.lanes = lanes;
            }
            let made = |due| SettledWrite { due, outcome: WriteOutcome::Made(NOW) };
            let settled = holder.settle(&due.into_iter().map(made).collect::<Vec<_>>()).await;
            settled.into_iter().filter(|ours| *ours).count()
        }
    };
    let counts = at_once(&fixture, (1..6).map(settles)).await;

    let settled: usize = counts.iter().sum();
    let left = due.len() - settled;
    assert_eq!(ledger.published(Topic::MemoryWal).await.len(), settled, "each once: {counts:?}");
    pass(&ledger, Duration::from_mins(1).as_secs()).await;
    assert_eq!(Holder::new(&ledger, 9).await.due().await.len(), left, "the others are still due");
}
