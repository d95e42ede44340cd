//! Cases about sessions that are to be forgotten.

use std::time::Duration;

use super::{due, pass, queue};
use crate::contract::Fixture;
use crate::contract::ledger::{Ledger, MANY, at};
use crate::contract::talk::{Talk, talk, talk_of};
use crate::ports::memory_queue::DueForget;
use crate::time::Timestamp;

/// Opens a session and erases it.
async fn erase(ledger: &Ledger, talk: &Talk, at: Timestamp) {
    ledger.commit(talk.says("a")).await;
    assert!(ledger.store.erase(&talk.tenant, talk.session_id, at).await.unwrap());
}

async fn forgets(ledger: &Ledger) -> Vec<DueForget> {
    ledger.memory_queue.forgets(MANY).await.unwrap()
}

/// It was forgotten, and is to be again after so many seconds if any are named.
async fn forgot(ledger: &Ledger, forget: &DueForget, again_after: Option<u64>) {
    let again_after = again_after.map(Duration::from_secs);
    ledger.memory_queue.forgot(forget, again_after).await.unwrap();
}

fn forget(talk: &Talk, erased_at: Timestamp) -> DueForget {
    DueForget { tenant: talk.tenant.clone(), session_id: talk.session_id, erased_at }
}

pub async fn erased_session_is_to_be_forgotten_at_once(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, gone, kept) = (fixture.open().await, talk(1), talk(2));
    ledger.commit(kept.says("a")).await;

    let before = forgets(&ledger).await;
    erase(&ledger, &gone, at(5)).await;
    let again = ledger.store.erase(&gone.tenant, gone.session_id, at(6)).await.unwrap();

    assert!(!again);
    assert_eq!(before, []);
    assert_eq!(forgets(&ledger).await, [forget(&gone, at(5))]);
}

pub async fn forget_is_answered_until_it_was_forgotten(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    erase(&ledger, &talk, at(0)).await;
    let first = forgets(&ledger).await;
    let second = forgets(&ledger).await;

    forgot(&ledger, &first[0], None).await;

    assert_eq!(first, second);
    pass(&ledger, 3_600).await;
    assert_eq!(forgets(&ledger).await, []);
}

pub async fn forgets_are_answered_in_the_order_of_erasure(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, first, second, third) =
        (fixture.open().await, talk(2), talk_of("globex", 3), talk(1));
    for (talk, seconds) in [(&first, 1), (&second, 2), (&third, 3)] {
        erase(&ledger, talk, at(seconds)).await;
    }
    forgot(&ledger, &forget(&first, at(1)), Some(9)).await;

    pass(&ledger, 9).await;
    let two = ledger.memory_queue.forgets(2).await.unwrap();

    assert_eq!(two, [forget(&first, at(1)), forget(&second, at(2))]);
}

pub async fn forget_that_was_put_off_is_due_again_at_its_time(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talk, other) = (fixture.open().await, talk(1), talk(2));
    erase(&ledger, &talk, at(0)).await;
    erase(&ledger, &other, at(0)).await;

    forgot(&ledger, &forget(&talk, at(0)), Some(60)).await;

    pass(&ledger, 59).await;
    let early = forgets(&ledger).await;
    pass(&ledger, 1).await;
    let late = forgets(&ledger).await;
    assert_eq!(early, [forget(&other, at(0))]);
    assert_eq!(late, [forget(&talk, at(0)), forget(&other, at(0))]);
}

/// Two instances forgot it, and the one that began earlier says so last.
pub async fn what_was_forgotten_for_good_stays_so(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    erase(&ledger, &talk, at(0)).await;
    let forget = forget(&talk, at(0));
    forgot(&ledger, &forget, None).await;

    forgot(&ledger, &forget, Some(60)).await;
    forgot(&ledger, &forget, None).await;

    pass(&ledger, 3_600).await;
    assert_eq!(forgets(&ledger).await, []);
}

pub async fn backlog_counts_forgets_also_those_put_off(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, first, second, kept) = (fixture.open().await, talk(1), talk(2), talk(3));
    queue(&ledger, &kept, vec![kept.memory("a")]).await;
    erase(&ledger, &first, at(0)).await;
    erase(&ledger, &second, at(0)).await;

    forgot(&ledger, &forget(&first, at(0)), Some(60)).await;
    let put_off = ledger.memory_queue.backlog().await.unwrap();
    forgot(&ledger, &forget(&second, at(0)), None).await;

    assert_eq!((put_off, ledger.memory_queue.backlog().await.unwrap()), (3, 2));
    assert_eq!(due(&ledger).await.len(), 1, "a forget is no write");
}

pub async fn forgets_survive_a_restart<F: Fixture<Port = Ledger>>(fixture: F) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    erase(&ledger, &talk, at(0)).await;
    drop(ledger);

    let ledger = fixture.open().await;

    let expected = if F::DURABLE { vec![forget(&talk, at(0))] } else { Vec::new() };
    assert_eq!(forgets(&ledger).await, expected);
}
