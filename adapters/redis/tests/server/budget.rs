//! Counters of tokens while Redis is away, and after.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use deadpool_redis::redis::cmd;
use soma_core::budget::account::Balance;
use soma_core::budget::window::BudgetWindow;
use soma_core::budget::{Account, Grant, ReservationRequest, Tokens, UsageChange};
use soma_core::contract::ledger::NOW;
use soma_core::contract::talk::{Talk, talk};
use soma_core::ports::{Budget, PortError, PortResult, Store, UsageLedger};
use soma_core::work::commit::{Commit, CommitOutcome};
use soma_inproc::{InprocBudget, InprocLedger};
use soma_redis::{Redis, RedisBudget};

use crate::{Away, clock, common};

pub(crate) const LIMIT: Tokens = 1_000;

pub(crate) fn request(talk: &Talk, call: u32, want: Tokens) -> ReservationRequest {
    ReservationRequest {
        key: talk.reservation(call),
        account: talk.account(),
        window: BudgetWindow::at(NOW),
        limit: Some(LIMIT),
        want,
        least: want,
    }
}

/// A ledger in memory, and counters in Redis before it.
pub(crate) fn budget(redis: &Arc<Redis>) -> (Arc<InprocLedger>, Arc<RedisBudget>) {
    let ledger = Arc::new(InprocLedger::new(clock()));
    let standby = Arc::new(InprocBudget::new(Arc::clone(&ledger) as _));
    let budget = RedisBudget::new(Arc::clone(redis), Arc::clone(&ledger) as _, standby);
    (ledger, Arc::new(budget))
}

pub(crate) async fn commit(
    ledger: &InprocLedger,
    talk: &Talk,
    change: UsageChange,
) -> CommitOutcome {
    ledger.commit(Commit { usage: vec![change], ..talk.commit() }).await.unwrap()
}

/// How many tokens the counter takes for used or set aside.
pub(crate) async fn taken(budget: &RedisBudget, talk: &Talk, call: u32) -> Tokens {
    const ALL: Tokens = 1 << 50;
    let all = ReservationRequest { limit: Some(ALL), least: 0, ..request(talk, call, ALL) };
    let Grant::Granted(room) = budget.reserve(&all).await.unwrap() else { return ALL };
    budget.settle(&talk.reserved(call), 0).await.unwrap();
    ALL - room
}

#[tokio::test]
async fn nothing_is_refused_while_redis_is_away_and_its_counter_has_it_afterwards() {
    let Some(away) = Away::start().await else { return };
    let (talk, (ledger, budget)) = (talk(1), budget(&away.redis));
    assert_eq!(budget.reserve(&request(&talk, 1, 100)).await.unwrap(), Grant::Granted(100));
    commit(&ledger, &talk, talk.reserves(1, 100)).await;

    away.gate.shut().await;
    let granted = budget.reserve(&request(&talk, 2, 200)).await.unwrap();
    commit(&ledger, &talk, talk.reserves(2, 200)).await;
    commit(&ledger, &talk, talk.settles(1, 60)).await;
    budget.settle(&talk.reserved(1), 60).await.unwrap();
    let refused = budget.reserve(&request(&talk, 3, 800)).await.unwrap();
    away.back();

    assert_eq!((granted, refused), (Grant::Granted(200), Grant::Refused));
    assert_eq!(taken(&budget, &talk, 9).await, 260);
}

#[tokio::test]
async fn second_time_away_begins_with_what_the_ledger_has_by_then() {
    let Some(away) = Away::start().await else { return };
    let (talk, (ledger, budget)) = (talk(1), budget(&away.redis));
    away.gate.shut().await;
    budget.reserve(&request(&talk, 1, 900)).await.unwrap();
    commit(&ledger, &talk, talk.reserves(1, 900)).await;
    away.back();
    commit(&ledger, &talk, talk.settles(1, 0)).await;
    budget.settle(&talk.reserved(1), 0).await.unwrap();

    away.gate.shut().await;
    let grant = budget.reserve(&request(&talk, 2, LIMIT)).await.unwrap();

    assert_eq!(grant, Grant::Granted(LIMIT));
}

#[tokio::test]
async fn server_that_is_silent_costs_one_call_its_deadline() {
    let Some(away) = Away::impatient().await else { return };
    let (talk, (_, budget)) = (talk(1), budget(&away.redis));
    away.gate.fall_silent();
    let connections = away.gate.accepted();

    for call in 1..=100 {
        let grant = budget.reserve(&request(&talk, call, 10)).await.unwrap();
        assert_eq!(grant, Grant::Granted(10));
    }

    assert_eq!(away.gate.accepted(), connections + 1);
    away.clock.advance(away.options.pause);
    budget.reserve(&request(&talk, 101, 0)).await.unwrap();
    assert_eq!(away.gate.accepted(), connections + 2);
}

#[tokio::test]
async fn connection_that_was_cut_while_idle_refuses_nobody_and_needs_no_standby() {
    let Some(away) = Away::start().await else { return };
    let (talk, (ledger, budget)) = (talk(1), budget(&away.redis));
    budget.reserve(&request(&talk, 1, 600)).await.unwrap();

    away.gate.shut().await;
    away.gate.open();

    // The standby would not know of the first grant, which is not in the ledger.
    assert_eq!(budget.reserve(&request(&talk, 2, 600)).await.unwrap(), Grant::Refused);
    assert_eq!(ledger.balance(&talk.account(), BudgetWindow::at(NOW)).await.unwrap().used, 0);
}

#[tokio::test]
async fn server_is_away_at_the_start() {
    let Some(away) = Away::start().await else { return };
    let (talk, (_, budget)) = (talk(1), budget(&away.redis));
    away.gate.shut().await;

    let error = away.redis.ping().await.unwrap_err();
    let grant = budget.reserve(&request(&talk, 1, 600)).await.unwrap();
    away.back();

    assert!(error.is_transient(), "{error}");
    assert_eq!(grant, Grant::Granted(600));
    away.redis.ping().await.unwrap();
}

/// While it is read for the first time, another process has the counter dropped: what was read is older
/// than that.
struct Overtaken {
    redis: Arc<RedisBudget>,
    was_read: AtomicBool,
}

#[async_trait]
impl UsageLedger for Overtaken {
    async fn balance(&self, account: &Account, window: BudgetWindow) -> PortResult<Balance> {
        if self.was_read.swap(true, Ordering::SeqCst) {
            return Ok(Balance { used: 70, ..Balance::default() });
        }
        self.redis.refresh(account, window).await?;
        Ok(Balance { used: LIMIT, ..Balance::default() })
    }
}

#[tokio::test]
async fn counter_is_not_built_from_what_was_read_before_it_was_dropped() {
    let Some(away) = Away::start().await else { return };
    let (talk, (ledger, other)) = (talk(1), budget(&away.redis));
    let overtaken = Arc::new(Overtaken { redis: other, was_read: AtomicBool::new(false) });
    let standby = Arc::new(InprocBudget::new(ledger));
    let budget = RedisBudget::new(Arc::clone(&away.redis), overtaken, standby);

    let grant = budget.reserve(&request(&talk, 1, 900)).await.unwrap();

    assert_eq!(grant, Grant::Granted(900));
    assert_eq!(taken(&budget, &talk, 9).await, 970);
}

#[tokio::test]
async fn counter_keeps_a_bounded_number_of_settled_reservations_and_goes_after_its_window() {
    let Some(away) = Away::start().await else { return };
    let (talk, (_, budget)) = (talk(1), budget(&away.redis));

    for call in 1..=400 {
        budget.reserve(&request(&talk, call, 1)).await.unwrap();
        budget.settle(&talk.reserved(call), 1).await.unwrap();
    }

    let key = format!("{}budget:acme::{}", away.options.prefix, BudgetWindow::at(NOW));
    let mut beside = common::connect(&away.gate.url()).await;
    let fields: usize = cmd("HLEN").arg(&key).query_async(&mut beside).await.unwrap();
    let seconds: i64 = cmd("TTL").arg(&key).query_async(&mut beside).await.unwrap();
    let used: u64 = cmd("HGET").arg(&key).arg("used").query_async(&mut beside).await.unwrap();
    assert!(fields <= 2 * 128 + 8, "{fields} fields");
    assert!((1..=172_800).contains(&seconds), "gone after {seconds} s");
    assert_eq!(used, 400);
}

#[tokio::test]
async fn script_that_the_server_forgot_runs_all_the_same() {
    let Some(away) = Away::start().await else { return };
    let (talk, (_, budget)) = (talk(1), budget(&away.redis));
    let mut beside = common::connect(&away.gate.url()).await;
    cmd("SCRIPT").arg("FLUSH").query_async::<()>(&mut beside).await.unwrap();

    budget.reserve(&request(&talk, 1, 600)).await.unwrap();

    let key = format!("{}budget:acme::{}", away.options.prefix, BudgetWindow::at(NOW));
    let reserved: u64 =
        cmd("HGET").arg(&key).arg("reserved").query_async(&mut beside).await.unwrap();
    assert_eq!(reserved, 600);
}

#[tokio::test]
async fn key_that_holds_something_else_is_no_reason_to_refuse() {
    let Some(away) = Away::start().await else { return };
    let (talk, (_, budget)) = (talk(1), budget(&away.redis));
    let key = format!("{}budget:acme::{}", away.options.prefix, BudgetWindow::at(NOW));
    let mut beside = common::connect(&away.gate.url()).await;
    cmd("SET").arg(&key).arg("7").query_async::<()>(&mut beside).await.unwrap();

    assert_eq!(budget.reserve(&request(&talk, 1, 600)).await.unwrap(), Grant::Granted(600));
    // What is wrong with one key says nothing of the server, and the key is dropped.
    assert_eq!(budget.reserve(&request(&talk, 2, 600)).await.unwrap(), Grant::Granted(600));
    assert_eq!(taken(&budget, &talk, 9).await, 600);
}

/// A ledger that is away.
struct NoLedger;

#[async_trait]
impl UsageLedger for NoLedger {
    async fn balance(&self, _: &Account, _: BudgetWindow) -> PortResult<Balance> {
        Err(PortError::Unavailable("the ledger is away".into()))
    }
}

#[tokio::test]
async fn nobody_is_granted_anything_if_the_ledger_is_away_too() {
    let Some(away) = Away::start().await else { return };
    let standby = Arc::new(InprocBudget::new(Arc::new(NoLedger)));
    let budget = RedisBudget::new(Arc::clone(&away.redis), Arc::new(NoLedger), standby);

    let error = budget.reserve(&request(&talk(1), 1, 1)).await.unwrap_err();

    assert!(error.is_transient(), "{error}");
}
