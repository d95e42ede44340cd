//! Notifications between processes.

use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::Client;
use futures_util::{FutureExt, StreamExt};
use soma_core::ids::{OwnerId, SessionId};
use soma_core::ports::{Notification, Timer, Wake};
use soma_inproc::{InprocWake, ManualTimer};
use soma_redis::{Redis, RedisWake};
use soma_tokio::TokioTimer;
use tokio::runtime::Handle;
use uuid::Uuid;

use crate::{Away, clock, common};

/// Long enough for anything here: nobody waits so long but who waits in vain.
const LONG: Duration = Duration::from_secs(30);

/// One process.
fn process(redis: &Arc<Redis>, number: u128) -> RedisWake {
    let timer: Arc<dyn Timer> = Arc::new(TokioTimer);
    started(redis, number, &timer)
}

fn started(redis: &Arc<Redis>, number: u128, timer: &Arc<dyn Timer>) -> RedisWake {
    let origin = OwnerId::from_uuid(Uuid::from_u128(number));
    RedisWake::start(redis, Arc::new(InprocWake::new()), origin, timer, &Handle::current())
}

/// Notifies `from` until `to` hears it: it may not have subscribed yet.
async fn reaches(from: &RedisWake, to: &RedisWake, about: Notification) {
    let mut waiter = to.waiter(about);
    let heard = async {
        loop {
            from.notify(about);
            if tokio::time::timeout(Duration::from_millis(20), waiter.wait()).await.is_ok() {
                return;
            }
        }
    };
    tokio::time::timeout(LONG, heard).await.unwrap();
}

#[tokio::test]
async fn notification_wakes_its_own_process_at_once_and_others_soon() {
    let Some(away) = Away::start().await else { return };
    let (one, two) = (process(&away.redis, 1), process(&away.redis, 2));
    let session = SessionId::from_uuid(Uuid::from_u128(7));
    reaches(&one, &two, Notification::Turns).await;
    let mut own = one.waiter(Notification::Cancel(session));
    let mut other = two.waiter(Notification::Cancel(session));
    let mut others = two.waiter(Notification::Cancel(SessionId::from_uuid(Uuid::from_u128(8))));

    one.notify(Notification::Cancel(session));

    assert!(own.wait().now_or_never().is_some());
    tokio::time::timeout(LONG, other.wait()).await.unwrap();
    assert!(others.wait().now_or_never().is_none());
}

#[tokio::test]
async fn process_does_not_hear_itself() {
    let Some(away) = Away::start().await else { return };
    let (one, two) = (process(&away.redis, 1), process(&away.redis, 2));
    reaches(&one, &two, Notification::Turns).await;
    reaches(&two, &one, Notification::Turns).await;
    let mut own = one.waiter(Notification::Outbox);
    let mut other = two.waiter(Notification::Outbox);

    one.notify(Notification::Outbox);
    own.wait().await;
    tokio::time::timeout(LONG, other.wait()).await.unwrap();
    // What it published before is heard by everyone before this is.
    reaches(&two, &one, Notification::Turns).await;

    assert!(own.wait().now_or_never().is_none());
}

#[tokio::test]
async fn burst_is_one_message() {
    let Some(away) = Away::start().await else { return };
    let wake = process(&away.redis, 1);
    let client = Client::open(common::server().unwrap()).unwrap();
    let mut beside = client.get_async_pubsub().await.unwrap();
    beside.subscribe(format!("{}wake", away.options.prefix)).await.unwrap();

    for _ in 0..1_000 {
        wake.notify(Notification::Outbox);
        wake.notify(Notification::Turns);
    }
    wake.flush().await;
    wake.notify(Notification::Calls);

    let mut bursts = 0;
    let mut messages = beside.on_message();
    loop {
        let next = tokio::time::timeout(LONG, messages.next()).await.unwrap().unwrap();
        let text: String = next.get_payload().unwrap();
        bursts += usize::from(text.ends_with("\noutbox\nturns"));
        if text.ends_with("\ncalls") {
            break;
        }
    }
    assert_eq!(bursts, 1);
}

#[tokio::test]
async fn subscription_survives_a_restart() {
    let Some(away) = Away::start().await else { return };
    let (one, two) = (process(&away.redis, 1), process(&away.redis, 2));
    reaches(&one, &two, Notification::Turns).await;

    away.gate.shut().await;
    one.notify(Notification::Memory);
    one.flush().await;
    away.back();

    reaches(&one, &two, Notification::Turns).await;
    reaches(&two, &one, Notification::Turns).await;
}

#[tokio::test]
async fn connection_that_fell_silent_is_given_up() {
    let Some(away) = Away::impatient().await else { return };
    let clock = clock();
    let timer: Arc<dyn Timer> = Arc::new(ManualTimer::new(Arc::clone(&clock)));
    let _wake = started(&away.redis, 1, &timer);
    let connections = |least: usize| {
        let (clock, gate) = (&clock, &away.gate);
        tokio::time::timeout(LONG, async move {
            while gate.accepted() < least {
                clock.advance(Duration::from_millis(100));
                tokio::task::yield_now().await;
            }
        })
    };
    connections(1).await.unwrap();

    away.gate.fall_silent();

    // One of the publisher at most; the rest are of the subscriber, which tries again.
    connections(4).await.unwrap();
}

#[tokio::test]
async fn nobody_waits_for_redis_to_notify() {
    let Some(away) = Away::impatient().await else { return };
    away.gate.fall_silent();
    let wake = process(&away.redis, 1);
    let mut waiter = wake.waiter(Notification::Lanes);

    wake.notify(Notification::Lanes);

    assert!(waiter.wait().now_or_never().is_some());
    wake.flush().await;
}
