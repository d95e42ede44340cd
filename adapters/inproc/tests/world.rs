//! The world by hand: time, notifications, tasks.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{FutureExt, pin_mut, poll};
use soma_core::ids::SessionId;
use soma_core::ports::{Clock, Ids, Notification, Spawner, Timer, Wake};
use soma_core::time::Timestamp;
use soma_inproc::{CountingIds, InprocWake, LocalSpawner, ManualClock, ManualTimer};
use uuid::Uuid;

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(Timestamp::from_micros(1_000)))
}

#[tokio::test]
async fn sleep_ends_when_its_clock_was_moved_far_enough() {
    let clock = clock();
    let timer = ManualTimer::new(Arc::clone(&clock));
    let sleep = timer.sleep(Duration::from_secs(2));
    pin_mut!(sleep);
    assert!(poll!(&mut sleep).is_pending());

    clock.advance(Duration::from_secs(1));
    assert!(poll!(&mut sleep).is_pending());
    clock.advance(Duration::from_secs(1));

    assert!(poll!(&mut sleep).is_ready());
}

#[tokio::test]
async fn next_deadline_is_that_of_the_first_who_still_sleeps() {
    let clock = clock();
    let timer = ManualTimer::new(Arc::clone(&clock));
    let long = timer.sleep(Duration::from_secs(2));
    pin_mut!(long);
    let mut short = timer.sleep(Duration::from_secs(1));
    assert!(poll!(&mut long).is_pending());
    assert!(poll!(&mut short).is_pending());

    let both = clock.next_deadline();
    drop(short);
    let one = clock.next_deadline();
    clock.advance_to(Timestamp::from_micros(2_001_000));
    long.await;

    assert_eq!(both, Some(Timestamp::from_micros(1_001_000)));
    assert_eq!(one, Some(Timestamp::from_micros(2_001_000)));
    assert_eq!(clock.next_deadline(), None);
}

#[test]
fn clock_never_goes_back() {
    let clock = clock();

    clock.advance_to(Timestamp::from_micros(500));

    assert_eq!(clock.now(), Timestamp::from_micros(1_000));
}

#[test]
fn ids_are_the_same_every_time_and_sort_in_their_order() {
    let made = |seed| {
        let ids = CountingIds::seeded(seed);
        let uuids: Vec<_> = (0..1_000).map(|_| ids.uuid()).collect();
        (uuids, ids.nonce(), ids.random())
    };

    let (one, two, other) = (made(1), made(1), made(2));

    assert_eq!(one, two);
    assert!(one.0.is_sorted() && one.0.iter().all(|id| id.get_version_num() == 7));
    assert!(one.0.iter().all(|id| !other.0.contains(id)));
    assert_ne!((one.1, one.2), (other.1, other.2));
}

#[tokio::test]
async fn wait_that_began_before_a_poke_ends() {
    let wake = InprocWake::new();
    let mut waiter = wake.waiter(Notification::Outbox);
    let wait = waiter.wait();
    pin_mut!(wait);
    assert!(poll!(&mut wait).is_pending());

    wake.notify(Notification::Outbox);

    assert!(poll!(&mut wait).is_ready());
}

#[tokio::test]
async fn poke_between_two_waits_is_not_lost() {
    let wake = InprocWake::new();
    let mut waiter = wake.waiter(Notification::Turns);
    let mut other = wake.waiter(Notification::Turns);

    wake.notify(Notification::Turns);
    wake.notify(Notification::Turns);

    assert!(waiter.wait().now_or_never().is_some());
    assert!(waiter.wait().now_or_never().is_none());
    assert!(other.wait().now_or_never().is_some());
}

#[tokio::test]
async fn poke_about_something_else_wakes_nobody() {
    let wake = InprocWake::new();
    let session = |number| SessionId::from_uuid(Uuid::from_u128(number));
    let mut waiter = wake.waiter(Notification::Cancel(session(1)));

    wake.notify(Notification::Cancel(session(2)));
    wake.notify(Notification::Calls);

    assert!(waiter.wait().now_or_never().is_none());
}

#[tokio::test]
async fn poke_that_nobody_waited_for_is_forgotten() {
    let wake = InprocWake::new();
    drop(wake.waiter(Notification::Memory));

    wake.notify(Notification::Memory);

    assert!(wake.waiter(Notification::Memory).wait().now_or_never().is_none());
}

#[tokio::test]
async fn tasks_run_beside_what_is_waited_for() {
    let spawner = Arc::new(LocalSpawner::new());
    let wake = Arc::new(InprocWake::new());
    let mut notified = wake.waiter(Notification::Calls);

    let inner = Arc::clone(&spawner);
    spawner.spawn(Box::pin(async move {
        inner.spawn(Box::pin(async move { wake.notify(Notification::Calls) }));
    }));

    spawner.run(notified.wait()).await;
}

#[tokio::test]
async fn tasks_are_woken_by_time() {
    let (clock, spawner) = (clock(), LocalSpawner::new());
    let (count, order) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
    for seconds in [3, 1, 2] {
        let timer = ManualTimer::new(Arc::clone(&clock));
        let (count, order) = (Arc::clone(&count), Arc::clone(&order));
        spawner.spawn(Box::pin(async move {
            timer.sleep(Duration::from_secs(seconds)).await;
            order.lock().unwrap().push(seconds);
            count.fetch_add(1, Ordering::SeqCst);
        }));
    }

    let all = async {
        while count.load(Ordering::SeqCst) < 3 {
            tokio::task::yield_now().await;
            if let Some(deadline) = clock.next_deadline() {
                clock.advance_to(deadline);
            }
        }
    };
    spawner.run(all).await;

    assert_eq!(*order.lock().unwrap(), [1, 2, 3]);
}
