//! One slow session does not make the others slow.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use soma_tests::stub_model::{StubModel, by_markers};

use crate::client::{Follower, http, say};
use crate::soma::{Folder, Soma};

const SESSIONS: usize = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_session_does_not_delay_the_others() {
    let stub = StubModel::start(by_markers).unwrap();
    let data = Folder::new("neighbours");
    let base = stub.base_url();
    let settings = [
        ("SLM_BASE_URL", base.as_str()),
        ("SLM_MODEL", "stub"),
        ("SOMA_WORKER_CONCURRENCY", "250"),
        ("SOMA_TENANT_CONCURRENCY", "250"),
    ];
    let soma = Soma::start(data.path(), &settings);
    p99(&soma.url, SESSIONS).await;

    let alone = p99(&soma.url, SESSIONS - 1).await;
    let http = http();
    say(&http, &soma.url, "[slow 20s] [words 3]").await;
    stub.until(|log| log.iter().any(|entry| entry.asked.message().contains("slow"))).await;
    let beside = p99(&soma.url, SESSIONS - 1).await;

    println!("p99 of {} sessions: {alone:?} alone, {beside:?} beside a slow one", SESSIONS - 1);
    assert_eq!(stub.under_way(), 1, "the slow one still runs");
    assert!(beside.as_secs_f64() <= alone.as_secs_f64() * 1.5, "{beside:?} against {alone:?}");
}

/// The 99th percentile of the time from a message to the end of its answer, all at once.
async fn p99(url: &str, sessions: usize) -> Duration {
    let http = http();
    let mut times = join_all((0..sessions).map(|_| answered(&http, url))).await;
    times.sort_unstable();
    times[sessions * 99 / 100]
}

async fn answered(http: &reqwest::Client, url: &str) -> Duration {
    let began = Instant::now();
    let mut follower = Follower::new(say(http, url, "[words 20] [pace 20ms]").await);
    assert!(follower.follow(http, url).await);
    began.elapsed()
}
