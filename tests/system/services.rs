//! Each of the six services is stopped and started again while the others run.

use std::net::TcpListener;
use std::sync::Arc;

use serde_json::json;
use soma::Embedded;
use soma_runtime::config::Config;

use crate::client::{Follower, http, post, verified};
use crate::soma::Folder;

const SERVICES: [&str; 6] = [
    "conversation-worker",
    "gateway",
    "memory-replicator",
    "memory-sync",
    "outbox-sync",
    "tool-executor",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn service_that_is_stopped_and_started_again_loses_nothing() {
    let data = Folder::new("services");
    let config = Config::of(&|_| None, &format!("[data]\nfolder = {:?}", data.path())).unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let soma =
        Embedded::start(&config, data.path(), listener, Arc::new(String::new)).await.unwrap();
    let http = http();
    let mut follower = Follower::default();

    for (number, service) in SERVICES.into_iter().enumerate() {
        let mut body = json!({"message": format!("/tool echo {{\"text\": \"{service}\"}}")});
        if number > 0 {
            body["session_id"] = json!(follower.session);
        }
        let away = service == "gateway";
        if away {
            soma.stop_service(service).await;
            soma.start_service(service);
        } else {
            soma.stop_service(service).await;
        }
        let receipt = post(&http, &url, &body, None).await.unwrap();
        let receipt: serde_json::Value = receipt.json().await.unwrap();
        if number == 0 {
            follower = Follower::new(receipt["session_id"].as_str().unwrap());
        }
        if !away {
            soma.start_service(service);
        }
        let turn = receipt["turn_id"].as_str().unwrap();
        while !follower.answers.contains_key(turn) {
            follower.follow(&http, &url).await;
        }
        let (assembled, stated) = &follower.answers[turn];
        assert_eq!(assembled, stated);
        assert!(stated.contains(service), "{stated}");
    }

    verified(&http, &url, &follower.session).await;
    soma.stop().await;
}
