//! Redis is emptied in the middle of a load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use deadpool_redis::redis::cmd;
use soma_core::budget::window::BudgetWindow;
use soma_core::budget::{Grant, Tokens};
use soma_core::contract::ledger::NOW;
use soma_core::contract::talk::{Talk, talk};
use soma_core::ports::{Budget, UsageLedger};
use soma_core::work::commit::CommitOutcome;
use soma_inproc::InprocLedger;
use soma_redis::{Redis, RedisBudget};

use crate::budget::{LIMIT, budget, commit, request, taken};
use crate::{clock, common};

/// A database of the server that no other test uses: what is emptied is all of it.
const DATABASE: u8 = 9;

/// Sets aside, commits, settles, as the worker's flow does it. None if there is no room.
async fn call(
    ledger: &InprocLedger,
    budget: &RedisBudget,
    talk: &Talk,
    number: u32,
    want: Tokens,
) -> Option<Tokens> {
    let request = request(talk, number, want);
    loop {
        let mut grant = budget.reserve(&request).await.unwrap();
        if grant == Grant::Refused {
            budget.refresh(&request.account, request.window).await.unwrap();
            grant = budget.reserve(&request).await.unwrap();
        }
        let Grant::Granted(amount) = grant else { return None };
        let reserves = talk.reserves_under(number, amount, LIMIT);
        if commit(ledger, talk, reserves).await == CommitOutcome::OverBudget {
            budget.refresh(&request.account, request.window).await.unwrap();
            continue;
        }
        tokio::task::yield_now().await;
        commit(ledger, talk, talk.settles(number, amount)).await;
        budget.settle(&talk.reserved(number), amount).await.unwrap();
        return Some(amount);
    }
}

/// Empties the database and forgets the scripts, again and again until told to stop.
async fn empty(url: String, stop: Arc<AtomicBool>) -> usize {
    let mut connection = common::connect(&url).await;
    let mut times = 0;
    while !stop.load(Ordering::SeqCst) {
        cmd("FLUSHDB").query_async::<()>(&mut connection).await.unwrap();
        cmd("SCRIPT").arg("FLUSH").query_async::<()>(&mut connection).await.unwrap();
        times += 1;
        tokio::task::yield_now().await;
    }
    times
}

/// So many calls at once want so much each, while Redis is emptied: how many got it.
async fn under_load(calls: u32, want: Tokens) -> Option<usize> {
    let url = common::server()?;
    let options = common::options(&url).await;
    let url = format!("{}/{DATABASE}", url.trim_end_matches('/'));
    let redis = Arc::new(Redis::new(&url, options, clock()).unwrap());
    let (talk, (ledger, budget)) = (talk(1), budget(&redis));
    let stop = Arc::new(AtomicBool::new(false));
    let emptying = tokio::spawn(empty(url, Arc::clone(&stop)));

    let calls = (1..=calls).map(|number| {
        let (ledger, budget, talk) = (Arc::clone(&ledger), Arc::clone(&budget), talk.clone());
        tokio::spawn(async move { call(&ledger, &budget, &talk, number, want).await })
    });
    let calls: Vec<_> = calls.collect();
    let mut granted = 0;
    for call in calls {
        granted += usize::from(call.await.unwrap().is_some());
    }
    stop.store(true, Ordering::SeqCst);
    let times = emptying.await.unwrap();

    assert!(times > 1, "emptied {times} times");
    let balance = ledger.balance(&talk.account(), BudgetWindow::at(NOW)).await.unwrap();
    assert_eq!(balance.spent().reserved, 0);
    assert!(balance.used <= LIMIT, "{} of {LIMIT}", balance.used);
    assert_eq!(taken(&budget, &talk, 1_000_000).await, balance.used);
    Some(granted)
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_refused_who_has_room() {
    if let Some(granted) = under_load(500, 2).await {
        assert_eq!(granted, 500);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_more_than_the_limit() {
    if let Some(granted) = under_load(500, 10).await {
        assert_eq!(granted, 100);
    }
}
