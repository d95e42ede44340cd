//! Clients that talk without end, and write down what they were promised and what they saw.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::client::{Follower, http, post};

/// How long a client waits for a receipt before it asks the other gateway.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a client follows at one gateway. A stream whose gateway stands still looks like one whose
/// answer is slow.
const LOOK: Duration = Duration::from_secs(8);
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(20);

/// Clients that talk until they are told to stop.
pub(crate) struct Load {
    stop: watch::Sender<bool>,
    clients: Vec<JoinHandle<Talk>>,
    answered: Arc<[AtomicU64]>,
}

/// What one client was promised, and saw.
#[derive(Debug)]
pub(crate) struct Talk {
    pub(crate) follower: Follower,
    /// The turns of its messages.
    pub(crate) accepted: BTreeSet<String>,
    /// The longest that a message waited for its answer, since it was first sent.
    pub(crate) longest: Duration,
}

impl Load {
    /// Starts so many clients, who say what `message` makes of their number and that of the message.
    pub(crate) fn start(
        gateways: &[String; 2],
        clients: usize,
        message: fn(usize, usize) -> String,
    ) -> Self {
        static LOADS: AtomicU32 = AtomicU32::new(0);
        let load = LOADS.fetch_add(1, Ordering::Relaxed);
        let (stop, stopped) = watch::channel(false);
        let answered: Arc<[AtomicU64]> = (0..clients).map(|_| AtomicU64::default()).collect();
        let start = |number| {
            let client = Client {
                load,
                number,
                http: http(),
                gateways: gateways.clone(),
                at: number,
                message,
                answered: Arc::clone(&answered),
            };
            tokio::spawn(client.talk(stopped.clone()))
        };
        let clients = (0..clients).map(start).collect();
        Self { stop, clients, answered }
    }

    /// Waits until every client was answered so many times more.
    pub(crate) async fn until_answered(&self, times: u64) {
        let counts: Vec<u64> = self.counts();
        while self.counts().iter().zip(&counts).any(|(now, then)| *now < then + times) {
            sleep(PAUSE).await;
        }
    }

    fn counts(&self) -> Vec<u64> {
        self.answered.iter().map(|count| count.load(Ordering::Relaxed)).collect()
    }

    /// Has every client end with the answer that it waits for.
    pub(crate) async fn end(self) -> Vec<Talk> {
        self.stop.send_replace(true);
        join_all(self.clients).await.into_iter().map(Result::unwrap).collect()
    }
}

struct Client {
    /// Of the load, so that no other has its keys.
    load: u32,
    number: usize,
    http: reqwest::Client,
    gateways: [String; 2],
    /// Which gateway it asks.
    at: usize,
    message: fn(usize, usize) -> String,
    answered: Arc<[AtomicU64]>,
}

impl Client {
    /// One message after the other, each with its own key, until each is answered.
    async fn talk(mut self, stopped: watch::Receiver<bool>) -> Talk {
        let mut talk = Talk {
            follower: Follower::default(),
            accepted: BTreeSet::new(),
            longest: Duration::ZERO,
        };
        for number in 0.. {
            if *stopped.borrow() {
                break;
            }
            let begun = Instant::now();
            let mut body = json!({"message": (self.message)(self.number, number)});
            if number > 0 {
                body["session_id"] = json!(talk.follower.session);
            }
            let key = format!("{}-{}-{number}", self.load, self.number);
            let receipt = self.accepted(&body, &key).await;
            if number == 0 {
                talk.follower = Follower::new(receipt["session_id"].as_str().unwrap());
            }
            let turn = receipt["turn_id"].as_str().unwrap();
            talk.accepted.insert(turn.to_owned());
            // Whoever posts at one gateway follows at the other.
            while !talk.follower.answers.contains_key(turn) {
                self.at += 1;
                let followed = talk.follower.follow(&self.http, &self.gateways[self.at % 2]);
                let _ = timeout(LOOK, followed).await;
                sleep(PAUSE).await;
            }
            talk.longest = talk.longest.max(begun.elapsed());
            self.answered[self.number].fetch_add(1, Ordering::Relaxed);
        }
        talk
    }

    async fn accepted(&mut self, body: &Value, key: &str) -> Value {
        loop {
            let url = &self.gateways[self.at % 2];
            match timeout(PATIENCE, post(&self.http, url, body, Some(key))).await {
                Ok(Ok(response)) if response.status() == StatusCode::ACCEPTED => {
                    if let Ok(receipt) = response.json().await {
                        return receipt;
                    }
                }
                Ok(Ok(response)) => {
                    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "{key}");
                }
                Ok(Err(_)) | Err(_) => {}
            }
            self.at += 1;
            sleep(PAUSE).await;
        }
    }
}
