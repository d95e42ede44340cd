//! A port that fails before anything is committed, for ever or for a while.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use soma_core::budget::window::BudgetWindow;
use soma_core::budget::{Account, Grant, Reservation, ReservationRequest, Tokens};
use soma_core::conversation::event::EventType::{AssistantFinal, TurnFailed};
use soma_core::ports::{Budget, PortError, PortResult};
use soma_tests::platform::check;

use crate::house::Plan;
use crate::records::dead_letters;

/// A budget that fails so many times.
struct Failing {
    inner: Arc<dyn Budget>,
    error: fn() -> PortError,
    times: AtomicUsize,
}

impl Failing {
    fn plan(times: usize, error: fn() -> PortError) -> Plan {
        Plan::saying("In the end.").with(|plan| {
            let inner = Arc::clone(&plan.ports.budget);
            plan.ports.budget = Arc::new(Self { inner, error, times: AtomicUsize::new(times) });
        })
    }
}

#[async_trait]
impl Budget for Failing {
    async fn reserve(&self, request: &ReservationRequest) -> PortResult<Grant> {
        let left = |times: usize| times.checked_sub(1);
        if self.times.fetch_update(Ordering::SeqCst, Ordering::SeqCst, left).is_ok() {
            return Err((self.error)());
        }
        self.inner.reserve(request).await
    }

    async fn settle(&self, reservation: &Reservation, used: Tokens) -> PortResult<()> {
        self.inner.settle(reservation, used).await
    }

    async fn refresh(&self, account: &Account, window: BudgetWindow) -> PortResult<()> {
        self.inner.refresh(account, window).await
    }
}

#[tokio::test(start_paused = true)]
async fn turn_that_fails_every_time_is_given_up() {
    let broken = || PortError::Broken { what: "reserving", source: "for ever".into() };
    let house = Failing::plan(usize::MAX, broken).open();
    let mut client = house.client();
    client.say("Well?").await;

    client.for_a_while(Duration::from_secs(10)).await;

    let ended = client.view.ended.values().next().expect("it does not fail for ever");
    assert_eq!((ended.kind, ended.reason.as_deref()), (TurnFailed, Some("internal")));
    let letters = dead_letters(&house.platform.truth, "conversation.inbound.dlq").await;
    assert_eq!(letters.len(), 1);
    check(&house.platform, &client.principal).await;
}

#[tokio::test(start_paused = true)]
async fn turn_that_fails_once_is_answered() {
    let broken = || PortError::Broken { what: "reserving", source: "once".into() };
    let house = Failing::plan(1, broken).open();
    let mut client = house.client();

    let ended = client.ask_and_wait("Well?").await;

    assert_eq!(ended.kind, AssistantFinal);
    check(&house.platform, &client.principal).await;
}

#[tokio::test(start_paused = true)]
async fn outage_fails_no_turn_however_long_it_lasts() {
    let house = Failing::plan(100, || PortError::Unavailable("away".into())).open();
    let mut client = house.client();
    client.say("Well?").await;

    client.for_a_while(Duration::from_secs(90)).await;

    let ended = client.view.ended.values().next().expect("the outage is over");
    assert_eq!(ended.kind, AssistantFinal);
    check(&house.platform, &client.principal).await;
}
