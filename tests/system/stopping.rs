//! SIGTERM: what is in hand is finished or released, and the process ends well.

use soma_tests::stub_model::{StubModel, by_markers};

use crate::client::{Follower, http, say, verified};
use crate::soma::{Folder, Soma};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answer_in_hand_is_finished_before_the_process_ends() {
    let stub = StubModel::start(by_markers).unwrap();
    let data = Folder::new("stopping");
    let base = stub.base_url();
    let settings = [("SLM_BASE_URL", base.as_str()), ("SLM_MODEL", "stub")];
    let soma = Soma::start(data.path(), &settings);
    let http = http();
    let session = say(&http, &soma.url, "[words 30] [pace 10ms]").await;
    stub.until(|log| !log.is_empty()).await;

    assert!(soma.terminate().success());

    let soma = Soma::start(data.path(), &settings);
    let events = verified(&http, &soma.url, &session).await;
    assert!(events.iter().any(|event| event.kind.is_terminal()), "it was finished");
    assert_eq!(stub.log().len(), 1, "the model was asked once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answer_that_takes_too_long_is_released_and_completes_at_the_next_start() {
    let stub = StubModel::start(by_markers).unwrap();
    let data = Folder::new("handing-back");
    let base = stub.base_url();
    let settings =
        [("SLM_BASE_URL", base.as_str()), ("SLM_MODEL", "stub"), ("SOMA_DRAIN_SECONDS", "0")];
    let soma = Soma::start(data.path(), &settings);
    let http = http();
    let session = say(&http, &soma.url, "[words 60] [pace 20ms]").await;
    stub.until(|log| log.iter().any(|entry| !entry.sent.is_empty())).await;

    assert!(soma.terminate().success());

    let soma = Soma::start(data.path(), &settings);
    let mut follower = Follower::new(&session);
    assert!(follower.follow(&http, &soma.url).await);
    let (assembled, stated) = follower.answers.values().next().unwrap();
    assert_eq!(assembled, stated);
    assert_eq!(stated.split_whitespace().count(), 60);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stream_is_cut_when_the_process_ends_in_mid_answer() {
    let stub = StubModel::start(by_markers).unwrap();
    let data = Folder::new("cutting");
    let base = stub.base_url();
    let settings =
        [("SLM_BASE_URL", base.as_str()), ("SLM_MODEL", "stub"), ("SOMA_DRAIN_SECONDS", "0")];
    let soma = Soma::start(data.path(), &settings);
    let (http, url) = (http(), soma.url.clone());
    let session = say(&http, &url, "[words 60] [pace 20ms]").await;
    let mut follower = Follower::new(&session);
    let watching = async {
        let ended = follower.follow(&http, &url).await;
        (ended, follower.answers.len())
    };
    let stopping = async {
        stub.until(|log| log.iter().any(|entry| !entry.sent.is_empty())).await;
        tokio::task::spawn_blocking(|| soma.terminate()).await.unwrap()
    };

    let ((ended, answers), status) = tokio::join!(watching, stopping);

    assert!(status.success());
    assert!(!ended, "a client that waits for the end takes this for it");
    assert_eq!(answers, 0);
}
