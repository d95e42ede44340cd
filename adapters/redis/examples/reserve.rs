//! How fast counters of tokens are, beside what `redis-benchmark` gets out of the same script:
//! `cargo run --release -p soma-redis --example reserve -- 127.0.0.1 6379`, on a server of its own.
//!
//! Both reserve with as many at once, in turns; the ratio is the median of all turns.
#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "it measures, for people")]

use std::error::Error;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use deadpool_redis::redis::{Client, Script};
use futures_util::future::join_all;
use soma_core::budget::window::BudgetWindow;
use soma_core::budget::{Account, ReservationKey, ReservationRequest};
use soma_core::ids::{TenantId, TurnId};
use soma_core::ports::Budget;
use soma_inproc::{InprocBudget, InprocLedger};
use soma_redis::{Options, Redis, RedisBudget};
use soma_tokio::SystemClock;
use uuid::Uuid;

const SCRIPT: &str = include_str!("../src/budget/counter.lua");
const AT_ONCE: u32 = 50;
const CALLS: u32 = 40_000;
const TURNS: usize = 5;

type Outcome<T> = Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [host, port] = &arguments[..] else { return Err("host and port of a server".into()) };
    let url = format!("redis://{host}:{port}");
    let mut connection = Client::open(&url[..])?.get_multiplexed_async_connection().await?;
    let digest = Script::new(SCRIPT).load_async(&mut connection).await?;
    let redis = Redis::new(&url, Options::default(), Arc::new(SystemClock))?;
    let ledger = Arc::new(InprocLedger::new(Arc::new(SystemClock)));
    let standby = Arc::new(InprocBudget::new(Arc::clone(&ledger) as _));
    let budget = RedisBudget::new(Arc::new(redis), ledger, standby);
    reserve(&budget, 1, 0).await?;

    let mut ratios = Vec::new();
    for turn in 1..=TURNS {
        let floor = floor(host, port, &digest)?;
        let ours = ours(&budget, turn).await?;
        println!("redis-benchmark {floor:.0}/s, RedisBudget {ours:.0}/s: {:.2}", ours / floor);
        ratios.push(ours / floor);
    }
    ratios.sort_by(f64::total_cmp);
    println!("ratio {:.2}", ratios[TURNS / 2]);
    Ok(())
}

/// Reservations in a second by `redis-benchmark`, on the counter that is there.
fn floor(host: &str, port: &str, digest: &str) -> Outcome<f64> {
    let (calls, at_once) = (CALLS.to_string(), AT_ONCE.to_string());
    let load = ["-h", host, "-p", port, "-n", &calls, "-c", &at_once, "-r", "100000000", "--csv"];
    let script = ["EVALSHA", digest, "1", "budget:bench::1970-01-01"];
    let operation = ["reserve", "__rand_int__", "10", "10", "", "", "1970-01-01"];
    let output =
        Command::new("redis-benchmark").args(load).args(script).args(operation).output()?;
    let table = String::from_utf8(output.stdout)?;
    let last = table.lines().last().ok_or("redis-benchmark says nothing")?;
    let rate = last.rsplit("\",\"").nth(6).ok_or("redis-benchmark says something else")?;
    Ok(rate.parse()?)
}

/// Reservations in a second by the adapter.
async fn ours(budget: &RedisBudget, turn: usize) -> Outcome<f64> {
    let next = AtomicU32::new(0);
    let began = Instant::now();
    let work = (0..AT_ONCE).map(|_| async {
        loop {
            let call = next.fetch_add(1, Ordering::Relaxed);
            if call >= CALLS {
                return Ok(());
            }
            reserve(budget, call, turn).await?;
        }
    });
    join_all(work).await.into_iter().collect::<Outcome<()>>()?;
    Ok(f64::from(CALLS) / began.elapsed().as_secs_f64())
}

async fn reserve(budget: &RedisBudget, call: u32, turn: usize) -> Outcome<()> {
    let turn_id = TurnId::from_uuid(Uuid::from_u128(turn as u128));
    let account = Account { tenant: TenantId::new("bench")?, persona_id: None };
    let (key, window) = (ReservationKey { turn_id, call }, BudgetWindow(0));
    let request = ReservationRequest { key, account, window, limit: None, want: 10, least: 10 };
    budget.reserve(&request).await?;
    Ok(())
}
