//! `kill -9` at random moments, under load: everything that was accepted is answered, once.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::StatusCode;
use rusqlite::Connection;
use serde_json::{Value, json};
use soma_core::conversation::event::EventType;
use soma_core::conversation::model::Usage;
use soma_tests::stub_model::{Ending, StubModel, by_markers};

use crate::client::{Follower, http, post, verified};
use crate::soma::{Folder, Soma};

const KILLS: u64 = 20;
const CLIENTS: usize = 6;
const MESSAGES: usize = 12;

/// Where the platform is now; it moves with every start.
type Address = Arc<Mutex<String>>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_accepted_is_answered_once_whatever_is_killed() {
    let stub = StubModel::start(by_markers).unwrap();
    let data = Folder::new("killing");
    let base = stub.base_url();
    let settings = [("SLM_BASE_URL", base.as_str()), ("SLM_MODEL", "stub")];
    let mut soma = Soma::start(data.path(), &settings);
    let address: Address = Arc::new(Mutex::new(soma.url.clone()));

    let clients: Vec<_> =
        (0..CLIENTS).map(|client| tokio::spawn(converse(client, Arc::clone(&address)))).collect();
    for kill in 0..KILLS {
        // Spread over accept, publish, claim, stream and finish, the same on every run.
        tokio::time::sleep(Duration::from_millis(120 + kill * 137 % 400)).await;
        soma.kill();
        soma = Soma::start(data.path(), &settings);
        address.lock().unwrap().clone_from(&soma.url);
    }
    let talks: Vec<Follower> = join_all(clients).await.into_iter().map(Result::unwrap).collect();

    let (mut completed, mut given_up) = (BTreeSet::new(), BTreeSet::new());
    for talk in &talks {
        assert_eq!(talk.answers.len(), MESSAGES, "every message is answered");
        for (turn, (assembled, stated)) in &talk.answers {
            assert_eq!(assembled, stated, "the pieces add up in {turn}");
        }
        for event in verified(&http(), &soma.url, &talk.session).await {
            if event.kind == EventType::AssistantFinal {
                completed.insert(event.turn_id.unwrap());
            } else if event.kind == EventType::TurnFailed {
                assert_eq!(event.metadata["reason"], "internal", "only what lost three workers");
                given_up.insert(event.turn_id.unwrap());
            }
        }
    }
    assert_eq!(completed.len() + given_up.len(), CLIENTS * MESSAGES);
    assert!(completed.len() > CLIENTS * MESSAGES * 9 / 10, "answers, not failures");
    assert!(soma.terminate().success());
    check_ledger(&data, &stub, completed.len(), given_up.len());
}

/// One client: one message after the other, each with its own key, until each is answered.
async fn converse(client: usize, address: Address) -> Follower {
    let http = http();
    let mut talk = Follower::default();
    for number in 0..MESSAGES {
        let message = format!("client {client} message {number} [words 12] [pace 8ms]");
        let mut body = json!({"message": message});
        if number > 0 {
            body["session_id"] = json!(talk.session);
        }
        let key = format!("client-{client}-{number}");
        let receipt = loop {
            let url = address.lock().unwrap().clone();
            match post(&http, &url, &body, Some(&key)).await {
                Ok(response) if response.status() == StatusCode::ACCEPTED => {
                    if let Ok(receipt) = response.json::<Value>().await {
                        break receipt;
                    }
                }
                Ok(response) => assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE),
                Err(_) => {}
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        if number == 0 {
            talk = Follower::new(receipt["session_id"].as_str().unwrap());
        }
        let turn = receipt["turn_id"].as_str().unwrap();
        while !talk.answers.contains_key(turn) {
            let url = address.lock().unwrap().clone();
            talk.follow(&http, &url).await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    talk
}

/// The ledger against the stub's own log: every answer that was given whole is settled with what the
/// stub said, a call that died in full, and nothing is left open.
fn check_ledger(data: &Folder, stub: &StubModel, answers: usize, given_up: usize) {
    let database = Connection::open(data.path().join("soma.db")).unwrap();
    let sum = |sql: &str| database.query_row(sql, [], |row| row.get::<_, u64>(0)).unwrap();
    let rows: Vec<(u64, u64)> = database
        .prepare("SELECT reserved, used FROM usage_ledger WHERE used IS NOT NULL")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let log = stub.log();
    let whole = log.iter().filter(|entry| entry.ending == Some(Ending::Completed));
    let said: Vec<u64> = whole.filter_map(|entry| entry.usage).map(Usage::total).collect();
    let settled: Vec<u64> =
        rows.iter().filter(|(reserved, used)| used < reserved).map(|(_, used)| *used).collect();

    assert_eq!(sum("SELECT count(*) FROM usage_ledger WHERE used IS NULL"), 0, "nothing is open");
    assert_eq!(settled.len(), answers, "one settled call for each answer");
    let mut left = said;
    for used in settled {
        let place = left.iter().position(|said| *said == used);
        left.swap_remove(place.unwrap_or_else(|| panic!("the stub never said {used}")));
    }
    assert!(
        rows.len() <= log.len() + usize::try_from(KILLS).unwrap() * CLIENTS,
        "calls are counted"
    );
    assert_eq!(sum("SELECT count(*) FROM outbox"), 0, "the outbox is empty");
    assert_eq!(sum("SELECT count(*) FROM dlq"), given_up as u64, "what was given up is set aside");
}
