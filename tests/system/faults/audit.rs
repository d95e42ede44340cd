//! What must hold when a load is over, whatever went wrong meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rskafka::client::ClientBuilder;
use rskafka::client::partition::{OffsetAt, UnknownTopicHandling};
use serde_json::Value;
use soma_core::conversation::event::EventType;
use soma_core::conversation::model::Usage;
use soma_tests::stub_model::{Ending, Entry};
use tokio::time::sleep;
use tokio_postgres::Client;
use uuid::Uuid;

use super::load::Talk;
use crate::client::{http, verified};
use crate::processes::connect;

/// How often it is looked whether all work is done, and how often at most.
const LOOK: Duration = Duration::from_millis(50);
const LOOKS: u32 = 1_200;

/// What is left to do, by the tables that say so.
const LEFT: [&str; 6] = [
    "SELECT count(*) FROM outbox",
    "SELECT count(*) FROM memory_write_outbox",
    "SELECT count(*) FROM memory_forgets",
    "SELECT count(*) FROM turns WHERE state <> 'done'",
    "SELECT count(*) FROM tool_calls WHERE state NOT IN ('done', 'delivered')",
    "SELECT count(*) FROM usage_ledger WHERE used IS NULL",
];

/// Where the records of a platform are.
pub(crate) struct Records {
    /// The owner of its database, whom no policy of rows binds.
    pub(crate) database: String,
    pub(crate) kafka: String,
    pub(crate) prefix: String,
}

/// How a load went.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) answers: usize,
    /// Answers that began anew because their worker was lost.
    pub(crate) restarted: usize,
    /// Messages that ended without an answer, by the reason.
    pub(crate) failed: BTreeMap<String, usize>,
    /// The longest that a message waited for its answer.
    pub(crate) longest: Duration,
}

impl Records {
    /// Waits until all work is done, and checks what the clients saw against every record of it.
    ///
    /// `model` is what the model was asked meanwhile.
    pub(crate) async fn check(&self, gateway: &str, talks: &[Talk], model: &[Entry]) -> Outcome {
        let database = connect(&self.database).await;
        self.until_done(&database).await;
        let mut outcome = Outcome::default();
        let mut turns: Vec<Uuid> = Vec::new();
        for talk in talks {
            check_talk(gateway, talk, &mut outcome).await;
            turns.extend(talk.accepted.iter().map(|turn| turn.parse::<Uuid>().unwrap()));
        }
        check_ledger(&database, &turns, model).await;
        assert_eq!(count(&database, "SELECT count(*) FROM dlq").await, 0, "nothing is set aside");
        outcome
    }

    async fn until_done(&self, database: &Client) {
        let mut left = BTreeMap::new();
        for _ in 0..LOOKS {
            left.clear();
            for sql in LEFT {
                let rows = count(database, sql).await;
                if rows > 0 {
                    left.insert(sql, rows);
                }
            }
            if left.is_empty() && self.lacking(database).await.is_empty() {
                return;
            }
            sleep(LOOK).await;
        }
        let lacking = self.lacking(database).await;
        panic!("not done in time: {left:?}; not alike in log and replica: {lacking:?}");
    }

    /// What is in the log of memory and not in its replica, or the other way round.
    async fn lacking(&self, database: &Client) -> Vec<Uuid> {
        let replica = database.query("SELECT event_id FROM memory_replica", &[]).await.unwrap();
        let replica: BTreeSet<Uuid> = replica.iter().map(|row| row.get(0)).collect();
        let logged = self.logged().await;
        replica.symmetric_difference(&logged).copied().collect()
    }

    /// Every memory in the log.
    async fn logged(&self) -> BTreeSet<Uuid> {
        let client = ClientBuilder::new(vec![self.kafka.clone()]).build().await.unwrap();
        let topic = format!("{}memory.wal", self.prefix);
        let mut ids = BTreeSet::new();
        for partition in 0..3 {
            let unknown = UnknownTopicHandling::Retry;
            let log = client.partition_client(&topic, partition, unknown).await.unwrap();
            let end = log.get_offset(OffsetAt::Latest).await.unwrap();
            let mut next = 0;
            while next < end {
                let (records, _) = log.fetch_records(next, 1..8_000_000, 1_000).await.unwrap();
                for record in records {
                    next = record.offset + 1;
                    let value: Value =
                        serde_json::from_slice(&record.record.value.unwrap()).unwrap();
                    ids.insert(value["event_id"].as_str().unwrap().parse().unwrap());
                }
            }
        }
        ids
    }
}

async fn count(database: &Client, sql: &str) -> i64 {
    database.query_one(sql, &[]).await.unwrap().get(0)
}

/// One client: every message has one end, in order, in a chain that verifies; what was assembled of pieces
/// is what was stated.
async fn check_talk(gateway: &str, talk: &Talk, outcome: &mut Outcome) {
    let seen: BTreeSet<&String> = talk.follower.answers.keys().collect();
    assert_eq!(seen, talk.accepted.iter().collect(), "what was accepted is answered");
    let mut failed = BTreeSet::new();
    for event in verified(&http(), gateway, &talk.follower.session).await {
        if event.kind == EventType::AssistantFinal {
            outcome.answers += 1;
        } else if event.kind == EventType::AssistantRestarted {
            outcome.restarted += 1;
        } else if event.kind == EventType::TurnFailed {
            let reason = event.metadata["reason"].as_str().unwrap();
            *outcome.failed.entry(reason.to_owned()).or_default() += 1;
            failed.insert(event.turn_id.unwrap().to_string());
        }
    }
    for (turn, (assembled, stated)) in &talk.follower.answers {
        assert!(assembled == stated || failed.contains(turn), "{turn}: {assembled:?} {stated:?}");
    }
    outcome.longest = outcome.longest.max(talk.longest);
}

/// What was paid for is what the model said that it used, or all that was set aside for a call whose end
/// nobody heard; each whole answer is paid for.
async fn check_ledger(database: &Client, turns: &[Uuid], model: &[Entry]) {
    let sql = "SELECT reserved, used FROM usage_ledger WHERE turn_id = ANY ($1)";
    let rows = database.query(sql, &[&turns]).await.unwrap();
    let rows: Vec<(i64, i64)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let whole = model.iter().filter(|entry| entry.ending == Some(Ending::Completed));
    let mut said: Vec<u64> = whole.filter_map(|entry| entry.usage).map(Usage::total).collect();
    assert!(said.len() <= rows.len(), "each whole answer is paid for");
    for (_, used) in rows.iter().filter(|(reserved, used)| used < reserved) {
        let place = said.iter().position(|said| i64::try_from(*said) == Ok(*used));
        said.swap_remove(place.unwrap_or_else(|| panic!("the model never said {used}")));
    }
}
