//! The whole platform under faults: processes that are killed at every point of their work, stopped or
//! suspended, and engines that restart, while clients talk. After each fault everything is checked.
//!
//! `tests/run system --long` (`SOMA_TEST_LONG=all`) does all of them, and prints a table; without it a few
//! are done.

mod audit;
mod instance;
mod load;
mod platform;
mod points;

use std::time::Duration;

use audit::Outcome;
use platform::Platform;
use points::POINTS;
use soma_tests::fault_proxy::{Direction, Fault};
use tokio::time::sleep;

use crate::processes::SERVICES;

/// Those of [`POINTS`] that every run has.
const SHORT: [&str; 2] = ["EndTurn:after:2", "SettleOutbox:after:3"];
/// How often each service is stopped in the long run.
const STOPS: usize = 12;
/// As a client of PostgreSQL sends it.
const COMMIT: &[u8] = b"Q\0\0\0\x0bCOMMIT\0";
/// How long something stands still.
const SUSPENSION: Duration = Duration::from_secs(15);

/// Prints a row of the table.
#[expect(clippy::print_stdout, reason = "the table is what is wanted of the long run")]
fn row(fault: &str, outcome: Outcome) {
    let Outcome { answers, restarted, mut failed, longest } = outcome;
    let lost: usize = failed.values().sum();
    println!("| {fault} | {answers} | {restarted} | {lost} | {:.1} s |", longest.as_secs_f64());
    // What nobody decides on is denied.
    if fault.starts_with("opa") {
        failed.remove("policy_denied");
    }
    assert!(failed.is_empty(), "{fault}: {failed:?}");
}

/// Whether all is done, and not a selection.
fn long() -> bool {
    std::env::var_os("SOMA_TEST_LONG").is_some()
}

/// Whether a part is to be done: the long run may be of one part alone.
fn includes(part: &str) -> bool {
    std::env::var("SOMA_TEST_LONG").is_ok_and(|wanted| wanted == "all" || wanted == part)
        || (!long() && part != "suspensions")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_doubled_or_out_of_order_whatever_fails() {
    let Some(platform) = Platform::start().await else { return };
    if includes("kills") {
        killed_at_points(&platform).await;
        killed_at_random(&platform).await;
        under_way(&platform).await;
    }
    if includes("stops") {
        stopped(&platform).await;
    }
    if includes("restarts") {
        restarted(&platform).await;
    }
    if includes("connections") {
        connections(&platform).await;
    }
    if includes("suspensions") {
        suspended(&platform).await;
    }
}

async fn killed_at_points(platform: &Platform) {
    let mut missed = Vec::new();
    for (number, (service, point)) in POINTS.iter().enumerate() {
        if long() || SHORT.contains(point) {
            let fault = async || {
                if !platform.instance(service, number).fail_at(point).await {
                    missed.push((service, point));
                }
            };
            row(&format!("{service} aborts at {point}"), platform.under_load(fault).await);
        }
    }
    assert!(missed.is_empty(), "never came to its fail-point: {missed:?}");
}

async fn killed_at_random(platform: &Platform) {
    let kills = if long() { 20 } else { 2 };
    for number in 0..kills {
        let instance = platform.any(number * 5 + 2);
        let fault = async || {
            sleep(Duration::from_millis(u64::try_from(number * 137 % 400).unwrap())).await;
            instance.kill().await;
        };
        row(&format!("{} killed", instance.service), platform.under_load(fault).await);
    }
}

async fn stopped(platform: &Platform) {
    if long() {
        for service in SERVICES {
            let fault = async || {
                for number in 0..STOPS {
                    platform.instance(service, number).stop().await;
                }
            };
            let what = format!("{service} stopped {STOPS} times");
            row(&what, platform.under_load(fault).await);
        }
    } else {
        let fault = async || {
            for service in SERVICES {
                platform.instance(service, 0).stop().await;
            }
        };
        row("each service stopped once", platform.under_load(fault).await);
    }
}

async fn restarted(platform: &Platform) {
    let set = &platform.set;
    for server in ["kafka", "postgres", "opa"] {
        let fault = async || {
            set.control(&["kill", server]);
            set.control(&["start", server]);
        };
        row(&format!("{server} killed and started"), platform.under_load(fault).await);
    }
    let fault = async || {
        set.control(&["kill", "redis"]);
        set.control(&["start", "--empty", "redis"]);
    };
    row("redis killed, and started empty", platform.under_load(fault).await);
}

async fn connections(platform: &Platform) {
    let cuts = if long() { 100 } else { 8 };
    let postgres = &platform.to_postgres;
    let fault = async || {
        postgres.cut_at(COMMIT, 10, cuts);
        while postgres.cuts_left() > 0 {
            sleep(Duration::from_millis(50)).await;
        }
        postgres.heal();
    };
    row(&format!("connections cut at COMMIT {cuts} times"), platform.under_load(fault).await);
    if !long() {
        return;
    }
    for (server, proxy) in [("PostgreSQL", postgres), ("Redis", &platform.to_redis)] {
        for direction in [Direction::Requests, Direction::Replies] {
            let fault = async || {
                proxy.strike(direction, Fault::Silence);
                sleep(SUSPENSION).await;
                proxy.heal();
            };
            let what = format!("{direction:?} of {server} pass no longer on what is connected");
            row(&what, platform.under_load(fault).await);
        }
        let fault = async || {
            proxy.strike(Direction::Replies, Fault::Delay(Duration::from_millis(200)));
            sleep(SUSPENSION).await;
            proxy.heal();
        };
        row(&format!("{server} answers 200 ms late"), platform.under_load(fault).await);
    }
}

/// Another worker answers what one that is killed had in hand.
async fn under_way(platform: &Platform) {
    let fault = async || platform.instance("conversation-worker", 0).kill().await;
    let (outcome, took) = platform.with_answers_under_way(100, fault).await;
    let took = took.as_secs_f64();
    row(&format!("worker killed with 100 answers under way, the last after {took:.1} s"), outcome);
}

async fn suspended(platform: &Platform) {
    for service in SERVICES {
        let fault = async || {
            let instance = platform.instance(service, 0);
            instance.signal("STOP");
            sleep(SUSPENSION).await;
            instance.signal("CONT");
        };
        row(&format!("{service} suspended for 15 s"), platform.under_load(fault).await);
    }
    for server in ["kafka", "postgres", "redis", "opa"] {
        let fault = async || {
            platform.set.control(&["pause", server]);
            sleep(SUSPENSION).await;
            platform.set.control(&["resume", server]);
        };
        row(&format!("{server} suspended for 15 s"), platform.under_load(fault).await);
    }
}
