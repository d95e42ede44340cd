//! Slow sessions do not keep the others from being answered.

use futures_util::future::join_all;
use soma_tests::stub_model::{Entry, StubModel, by_markers};

use crate::client::{Follower, http, say};
use crate::soma::{Folder, Soma};

/// So many that each partition and each lane has one of them.
const SLOW: usize = 50;
const OTHERS: usize = 150;

/// No clock decides: the slow ones say nothing before the others have ended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neighbours_of_slow_sessions_are_answered_while_those_are_still_open() {
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
    let (http, url) = (http(), &*soma.url);
    let slow = join_all((0..SLOW).map(|_| say(&http, url, "[slow 3600s] [words 3]"))).await;
    let is_slow = |entry: &&Entry| entry.asked.message().contains("slow");
    stub.until(|log| log.iter().filter(is_slow).count() == SLOW).await;

    join_all((0..OTHERS).map(|_| answered(&http, url))).await;

    assert_eq!(stub.under_way(), SLOW, "each slow call is still open, and no other is");
    join_all(slow.iter().map(|session| cancel(&http, url, session))).await;
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

/// Says something, and waits for the end of its answer.
async fn answered(http: &reqwest::Client, url: &str) {
    let mut follower = Follower::new(say(http, url, "[words 20] [pace 20ms]").await);
    assert!(follower.follow(http, url).await);
}
