//! One slow session does not make the others slow.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use soma_tests::stub_model::{Entry, StubModel, by_markers};

use crate::client::{Follower, http, say};
use crate::soma::{Folder, Soma};

const SESSIONS: usize = 200;
const ROUNDS: usize = 5;

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
    let http = http();
    let (mut alone, mut beside) = (Duration::MAX, Duration::MAX);

    // The best of each in turn: whatever else this machine does only makes them slower.
    for round in 1..=ROUNDS {
        alone = alone.min(p99(&soma.url, SESSIONS - 1).await);
        let slow = say(&http, &soma.url, "[slow 20s] [words 3]").await;
        let is_slow = |entry: &&Entry| entry.asked.message().contains("slow");
        stub.until(|log| log.iter().filter(is_slow).count() == round).await;
        beside = beside.min(p99(&soma.url, SESSIONS - 1).await);
        cancel(&http, &soma.url, &slow).await;
    }

    println!("p99 of {} sessions: {alone:?} alone, {beside:?} beside a slow one", SESSIONS - 1);
    assert!(beside.as_secs_f64() <= alone.as_secs_f64() * 1.5, "{beside:?} against {alone:?}");
}

/// Cancels a turn that still runs.
async fn cancel(http: &reqwest::Client, url: &str, session: &str) {
    let mut follower = Follower::new(session);
    let cancel = http.post(format!("{url}/v1/sessions/{session}/cancel"));
    assert_eq!(cancel.send().await.unwrap().status(), reqwest::StatusCode::ACCEPTED);
    assert!(follower.follow(http, url).await);
    let (_, stated) = follower.answers.values().next().unwrap();
    assert_eq!(stated, "", "it had not said a word yet");
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
