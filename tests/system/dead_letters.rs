//! What is set aside: of records that are none of ours, in Kafka, and on the command line.

use std::collections::BTreeMap;
use std::process::{Command, Output};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rskafka::chrono::DateTime;
use rskafka::client::ClientBuilder;
use rskafka::client::partition::{Compression, UnknownTopicHandling};
use rskafka::record::Record;
use rusqlite::{Connection, params};
use serde_json::{Value, json};
use tokio_postgres::NoTls;
use uuid::Uuid;

use crate::client::{Follower, http, say, verified};
use crate::processes::{Engines, SERVICES};
use crate::soma::{Folder, Soma, binary};

const TOPICS: [&str; 4] = ["conversation.inbound", "tool.requests", "tool.results", "memory.wal"];
/// What a header has that is no text.
const BINARY: &[u8] = b"\xff\xfe";

/// The value and the headers of a record.
type Stranger = (Vec<u8>, BTreeMap<String, Vec<u8>>);

/// A setting of the services.
fn setting<'a>(engines: &'a Engines, name: &str) -> &'a str {
    let mut settings = engines.settings.iter();
    settings.find(|(known, _)| *known == name).map(|(_, value)| value.as_str()).unwrap()
}

/// Appends records to partition 0 of a topic, each with its headers. Returns their offsets.
async fn produce(engines: &Engines, topic: &str, records: Vec<Stranger>) -> Vec<i64> {
    let brokers = vec![setting(engines, "KAFKA_BOOTSTRAP_SERVERS").to_owned()];
    let client = ClientBuilder::new(brokers).build().await.unwrap();
    let topic = format!("{}{topic}", setting(engines, "KAFKA_TOPIC_PREFIX"));
    let partition = client.partition_client(topic, 0, UnknownTopicHandling::Retry).await.unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let timestamp = DateTime::from_timestamp_millis(now.try_into().unwrap()).unwrap();
    let record = |(value, headers)| Record {
        key: Some(b"who knows".to_vec()),
        value: Some(value),
        headers,
        timestamp,
    };
    let records = records.into_iter().map(record).collect();
    partition.produce(records, Compression::NoCompression).await.unwrap()
}

/// What is none of ours: no JSON, of another version, with a header that is no text, and about a
/// session of another tenant.
fn strangers(session: &str) -> Vec<Stranger> {
    let foreign = json!({
        "session_id": session,
        "turn_id": Uuid::from_u128(2),
        "call_id": Uuid::from_u128(3),
        "metadata": {"tenant": "another"},
    });
    let other_version = br#"{"type":"unknown","version":"sa99-v9"}"#.to_vec();
    let binary = BTreeMap::from([("odd".to_owned(), BINARY.to_vec())]);
    vec![
        (b"not json".to_vec(), BTreeMap::new()),
        (b"\xff\xfe\0".to_vec(), BTreeMap::new()),
        (other_version, BTreeMap::new()),
        (b"{}".to_vec(), binary),
        (foreign.to_string().into_bytes(), BTreeMap::new()),
    ]
}

async fn get(http: &reqwest::Client, url: &str) -> Value {
    http.get(url).send().await.unwrap().json().await.unwrap()
}

/// The letters of a topic, once there are so many: the oldest first.
async fn letters(http: &reqwest::Client, url: &str, topic: &str, count: usize) -> Vec<Value> {
    let url = format!("{url}/v1/admin/dlq/{topic}?limit=100");
    for _ in 0..300 {
        let page = get(http, &url).await;
        let items = page["items"].as_array().unwrap();
        if items.len() >= count {
            return items.iter().rev().cloned().collect();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{topic} has no {count} dead letters");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn record_that_is_none_of_ours_is_a_dead_letter_and_the_next_is_served() {
    let Some(engines) = Engines::open().await else { return };
    let processes = SERVICES.map(|service| engines.start(service));
    let (http, url) = (http(), processes[0].url.clone());
    let session = say(&http, &url, "Good morning.").await;
    assert!(Follower::new(&session).follow(&http, &url).await);

    let mut produced = BTreeMap::new();
    for topic in TOPICS {
        produced.insert(topic, produce(&engines, topic, strangers(&session)).await);
    }
    // Through every topic: a tool is asked for, and what was said is remembered.
    for number in 0..4 {
        let said = format!(r#"/tool echo {{"text": "bonjour {number}"}}"#);
        let session = say(&http, &url, &said).await;
        let mut client = Follower::new(&session);
        assert!(client.follow(&http, &url).await);
        let (_, whole) = client.answers.values().next().unwrap();
        assert!(whole.contains(&format!("bonjour {number}")), "{whole}");
    }

    for (topic, offsets) in produced {
        let letters = letters(&http, &url, topic, offsets.len()).await;
        let places: Vec<_> = letters.iter().map(|it| (&it["partition"], &it["offset"])).collect();
        let expected: Vec<_> = offsets.iter().map(|offset| (json!(0), json!(offset))).collect();
        assert_eq!(places, expected.iter().map(|it| (&it.0, &it.1)).collect::<Vec<_>>(), "{topic}");
        for letter in &letters {
            assert_eq!(letter["source_topic"], topic);
            assert!(!letter["error"].as_str().unwrap().is_empty(), "{letter}");
        }
        let said: Vec<_> = letters.iter().map(|it| it["error"].as_str().unwrap()).collect();
        assert!(said[3].contains("\"odd\" is no text"), "{said:?}");
        assert_eq!(letters[0]["event"], "not json");
        assert!(letters[1]["not_redrivable"].is_string() && letters[0]["not_redrivable"].is_null());
    }
}

/// Takes a message out of the outbox, as if it had never been there.
async fn taken_from_outbox(engines: &Engines, topic: &str) -> Vec<u8> {
    let owner = setting(engines, "POSTGRES_OWNER_DSN");
    let (client, connection) = tokio_postgres::connect(owner, NoTls).await.unwrap();
    tokio::spawn(connection);
    let sql = "DELETE FROM outbox WHERE topic = $1 RETURNING payload";
    let rows = client.query(sql, &[&topic]).await.unwrap();
    assert_eq!(rows.len(), 1);
    rows[0].get(0)
}

/// Its cause is gone with the header: what is sent again has those of the platform.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn record_that_could_not_be_read_is_redriven_and_answered_once() {
    let Some(engines) = Engines::open().await else { return };
    let [gateway, worker, executor, replicator, memory, relay] =
        SERVICES.map(|service| engines.start(service));
    let (http, url) = (http(), gateway.url.clone());
    let first = say(&http, &url, "Good morning.").await;
    assert!(Follower::new(&first).follow(&http, &url).await);
    assert!(tokio::task::spawn_blocking(|| relay.terminate()).await.unwrap().success());
    let session = say(&http, &url, "Are you there?").await;
    let payload = taken_from_outbox(&engines, "conversation.inbound").await;
    let binary = BTreeMap::from([("odd".to_owned(), BINARY.to_vec())]);
    produce(&engines, "conversation.inbound", vec![(payload, binary)]).await;
    let relay = engines.start("outbox-sync");
    let letter = letters(&http, &url, "conversation.inbound", 1).await.remove(0);
    let before = verified_count(&http, &url, &session).await;

    let redrive = format!("{url}/v1/admin/dlq/conversation.inbound/redrive");
    let ask = async || -> Value {
        let body = json!({"ids": [letter["id"]]});
        http.post(&redrive).json(&body).send().await.unwrap().json().await.unwrap()
    };
    let (done, again) = (ask().await, ask().await);
    let mut client = Follower::new(&session);
    assert!(client.follow(&http, &url).await);

    assert_eq!(before, 1, "only the message is there");
    assert_eq!(done, json!({"redriven": 1, "gone": 0, "refused": []}));
    assert_eq!(again, json!({"redriven": 0, "gone": 1, "refused": []}));
    let (_, answer) = client.answers.values().next().unwrap();
    assert!(answer.contains("You said: Are you there?"), "{answer}");
    verified(&http, &url, &session).await;
    let left = get(&http, &format!("{url}/v1/admin/dlq")).await;
    assert_eq!(left["topics"], json!([]));
    drop((gateway, worker, executor, replicator, memory, relay));
}

async fn verified_count(http: &reqwest::Client, url: &str, session: &str) -> usize {
    let page = get(http, &format!("{url}/v1/sessions/{session}/events")).await;
    page["events"].as_array().unwrap().len()
}

fn dlq(url: &str, arguments: &[&str]) -> Output {
    Command::new(binary()).args(["dlq", "--url", url]).args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What a metric says, once it is there.
async fn measured(url: &str, name: &str) -> String {
    for _ in 0..300 {
        let metrics = http().get(format!("{url}/metrics")).send().await.unwrap();
        let metrics = metrics.text().await.unwrap();
        if let Some(value) = metrics.lines().find_map(|line| line.strip_prefix(name)) {
            return value.to_owned();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{name} is not measured");
}

/// Keeps a letter of a message, and one of which only the beginning is there.
fn keep_letters(data: &Folder) {
    let file = Connection::open(data.path().join("soma.db")).unwrap();
    let letters =
        [(1_u128, r#"{"message":{}}"#, "not json"), (2, r#""cut""#, "the beginning of much")];
    for (id, origin, payload) in letters {
        file.execute(
            "INSERT INTO dlq (letter_id, topic, partition, position, key, payload, error, at, origin)
             VALUES (?1, 'tool.results', 2, 17, 'a key', ?2, 'it is unreadable', 0, ?3)",
            params![Uuid::from_u128(id), payload, origin],
        )
        .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_are_listed_redriven_and_dropped_on_the_command_line() {
    let data = Folder::new("dlq");
    assert!(Soma::start(data.path(), &[]).terminate().success());
    keep_letters(&data);
    let soma = Soma::start(data.path(), &[]);
    let (whole, cut) = (Uuid::from_u128(1).to_string(), Uuid::from_u128(2).to_string());

    let measured = measured(&soma.url, r#"gateway_dlq_depth{topic="tool.results.dlq"} "#).await;
    let listed = dlq(&soma.url, &["list", "tool.results"]);
    let shown = dlq(&soma.url, &["show", "tool.results", &whole]);
    let redriven = dlq(&soma.url, &["redrive", "tool.results", &whole, &cut]);
    let http = http();
    // It cannot be read this time either, and so it is a letter again, of another place.
    let again = letters(&http, &soma.url, "tool.results", 2).await.remove(1);
    let careless = dlq(&soma.url, &["drop", "tool.results"]);
    let nothing = dlq(&soma.url, &["drop", "tool.results", &whole]);
    let dropped = dlq(&soma.url, &["drop", "tool.results", "--all"]);
    let empty = dlq(&soma.url, &["list"]);

    assert_eq!(measured, "2");
    let lines: Vec<String> = said(&listed).lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    let line = format!("{whole} tool.results/2@17 1970-01-01T00:00:00.000000Z it is unreadable");
    assert_eq!(lines[1], line);
    assert!(lines[0].starts_with(&cut) && lines[0].contains("not redrivable"), "{lines:?}");
    let letter: Value = serde_json::from_str(&said(&shown)).unwrap();
    assert_eq!((&letter["event"], &letter["offset"]), (&json!("not json"), &json!(17)));
    assert!(said(&redriven).starts_with("redriven 1, gone 0, refused 1\n"), "{redriven:?}");
    assert_eq!(redriven.status.code(), Some(1), "something was refused");
    assert_eq!((&again["event"], &again["offset"]), (&json!("not json"), &json!(0)));
    assert_eq!(careless.status.code(), Some(2), "all must be meant");
    assert_eq!(nothing.status.code(), Some(3), "it is another letter now");
    assert_eq!(said(&dropped), "dropped 2\n");
    assert_eq!((said(&empty).as_str(), empty.status.code()), ("", Some(0)));
}
