//! Dead letters: listed, redriven and dropped by operators.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};
use soma_core::flows::authenticate::Authenticate;
use soma_core::identity::{Principal, Scope};
use soma_core::outbox::dead::{DeadLetter, Headers, Origin};
use soma_core::outbox::lane::Lane;
use soma_core::outbox::topic::Topic;
use soma_core::policy::Action;
use soma_core::policy::action::AdminArea;
use soma_core::ports::{Outbox, Store};
use soma_core::time::Timestamp;
use soma_core::work::commit::{Commit, Fence, OpenSession};
use soma_inproc::{InprocAuthenticator, InprocLedger, StaticPolicy};
use soma_services::{Composition, Ports};

use crate::app::{App, nowhere, principal};
use crate::client::Answer;

const INBOUND: &str = "/v1/admin/dlq/conversation.inbound";

/// A gateway, and what is behind its letters.
struct Office {
    app: App,
    ledger: Arc<InprocLedger>,
}

fn operator() -> Principal {
    Principal { scopes: BTreeSet::from([Scope::Admin]), ..principal("operators") }
}

impl Office {
    async fn with(letters: Vec<DeadLetter>) -> Self {
        Self::open(operator(), StaticPolicy::allow_all(), letters).await
    }

    async fn open(who: Principal, policy: StaticPolicy, letters: Vec<DeadLetter>) -> Self {
        let mut behind = None;
        let app = App::with(|parts, gateway| {
            let ledger = Arc::new(InprocLedger::new(parts.clock.clone()));
            behind = Some(ledger.clone());
            let Composition { ports, settings, world } = parts.composition();
            let ports = Ports {
                dead_letters: ledger.clone(),
                decisions: ledger,
                policy: Arc::new(policy),
                ..ports
            };
            let changed = Composition { ports, settings, world };
            gateway.dead_letters = changed.gateway(&parts.hub, &parts.stop).dead_letters;
            gateway.authenticate = Authenticate::new(Arc::new(InprocAuthenticator::anyone(who)));
        });
        let ledger = behind.unwrap();
        let at = app.parts.world.clock.now();
        let mut commit = Commit::new(principal("acme").tenant, nowhere(), Fence::Open, at);
        commit.open = Some(OpenSession { persona_id: None });
        commit.dead = letters;
        ledger.commit(commit).await.unwrap();
        Self { app, ledger }
    }

    async fn delete(&self, target: &str) -> Answer {
        self.app.request("DELETE", target).send().await
    }

    /// What waits to be published on a topic.
    async fn sent(&self, topic: Topic) -> Vec<String> {
        let lanes: Vec<Lane> = Lane::all().collect();
        let rows = self.ledger.read(&lanes, 0, 100).await.unwrap();
        let messages = rows.into_iter().flat_map(|row| row.messages);
        messages.filter(|message| message.topic == topic).map(|message| message.text()).collect()
    }
}

/// A letter of a record at this offset.
fn letter(topic: Topic, offset: u64, value: &str) -> DeadLetter {
    let (payload, origin) = Origin::message(value.as_bytes(), Headers::default());
    DeadLetter {
        topic,
        partition: Some(1),
        offset: Some(offset),
        key: "a key".into(),
        tenant: Some(principal("acme").tenant),
        payload,
        error: "unreadable".into(),
        at: Timestamp::from_micros(1_762_171_200_000_000),
        origin,
    }
}

fn three() -> Vec<DeadLetter> {
    vec![
        letter(Topic::ConversationInbound, 1, r#"{"a":1}"#),
        letter(Topic::ToolResults, 2, "no json"),
        DeadLetter { origin: Origin::Cut, ..letter(Topic::ConversationInbound, 3, r#"{"a":"#) },
    ]
}

fn ids(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().unwrap().iter();
    items.map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn letters_are_counted_by_topic_and_listed_with_all_that_is_known_of_them() {
    let office = Office::with(three()).await;

    let all = office.app.get("/v1/admin/dlq").await.json();
    let of_topic = office.app.get("/v1/admin/dlq/tool.results").await.json();

    let at = "2025-11-03T12:00:00.000000Z";
    let topic = |name: &str, depth| json!({"topic": format!("{name}.dlq"), "source_topic": name, "depth": depth, "oldest": at});
    assert_eq!(all["topics"], json!([topic("conversation.inbound", 2), topic("tool.results", 1)]));
    assert_eq!(all["items"].as_array().unwrap().len(), 3);
    assert_eq!(all["items"][2]["event"], json!({"a": 1}), "an object as one");
    assert!(all["items"][0]["not_redrivable"].as_str().unwrap().contains("longer than"));
    let expected = json!({
        "id": of_topic["items"][0]["id"],
        "topic": "tool.results.dlq",
        "source_topic": "tool.results",
        "partition": 1,
        "offset": 2,
        "key": "a key",
        "tenant": "acme",
        "event": "no json",
        "error": "unreadable",
        "created_at": at,
        "not_redrivable": null,
    });
    assert_eq!(of_topic, json!({"items": [expected], "next_cursor": null}));
}

#[tokio::test]
async fn pages_show_every_letter_once() {
    let letters = (1..=5).map(|offset| letter(Topic::MemoryWal, offset, "x")).collect();
    let office = Office::with(letters).await;

    let mut seen = Vec::new();
    let mut target = "/v1/admin/dlq/memory.wal.dlq?limit=2".to_owned();
    loop {
        let page = office.app.get(&target).await.json();
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| item["offset"].clone()));
        if page["next_cursor"].is_null() {
            break;
        }
        target = format!("/v1/admin/dlq/memory.wal.dlq?limit=2&after={}", page["next_cursor"]);
    }

    assert_eq!(seen, [5, 4, 3, 2, 1]);
}

#[tokio::test]
async fn letters_of_a_topic_are_redriven_and_what_cannot_be_says_why() {
    let office = Office::with(three()).await;
    let redrive = format!("{INBOUND}/redrive");

    let report = office.app.post(&redrive, &json!({})).await.json();
    let again = office.app.post(&redrive, &json!({"limit": 1})).await.json();

    assert_eq!((&report["redriven"], &report["gone"]), (&json!(1), &json!(0)));
    assert_eq!(report["refused"][0]["reason"], "cut");
    assert!(report["refused"][0]["detail"].as_str().unwrap().contains("longer than"));
    assert_eq!((&again["redriven"], &again["refused"]), (&json!(0), &report["refused"]));
    assert_eq!(office.sent(Topic::ConversationInbound).await, [r#"{"a":1}"#]);
    let left = office.app.get(INBOUND).await.json();
    assert_eq!(ids(&left), [report["refused"][0]["id"].as_str().unwrap()]);
}

#[tokio::test]
async fn named_letters_are_redriven_alone() {
    let letters = (1..=3).map(|offset| letter(Topic::ToolResults, offset, "x")).collect();
    let office = Office::with(letters).await;
    let target = "/v1/admin/dlq/tool.results";
    let all = ids(&office.app.get(target).await.json());
    let redrive = format!("{target}/redrive");

    let body = json!({"ids": [all[1], nowhere()]});
    let report = office.app.post(&redrive, &body).await.json();

    assert_eq!(report, json!({"redriven": 1, "gone": 1, "refused": []}));
    let left = ids(&office.app.get(target).await.json());
    assert_eq!(left, [all[0].clone(), all[2].clone()]);
}

#[tokio::test]
async fn letters_are_dropped_one_by_one_or_all_of_a_topic() {
    let mut letters: Vec<_> =
        (1..=3).map(|offset| letter(Topic::ToolResults, offset, "x")).collect();
    letters.extend(three());
    let office = Office::with(letters).await;
    let all = ids(&office.app.get("/v1/admin/dlq/tool.results").await.json());
    let one = format!("/v1/admin/dlq/tool.results/{}", all[0]);

    let shown = office.app.get(&one).await.json();
    let dropped = office.delete(&one).await;
    let again = office.delete(&one).await;
    let gone = office.app.get(&one).await;
    let of_another = office.delete(&format!("{INBOUND}/{}", all[1])).await;
    let purged = office.delete("/v1/admin/dlq/tool.results").await.json();

    assert_eq!(shown["id"], all[0]);
    assert_eq!(dropped.head.status, 204);
    assert_eq!(again.refused(404), "no-such-dead-letter");
    assert_eq!(gone.refused(404), "no-such-dead-letter");
    assert_eq!(of_another.refused(404), "no-such-dead-letter");
    assert_eq!(purged, json!({"status": "purged", "deleted": 3}));
    let left = office.app.get("/v1/admin/dlq").await.json();
    assert_eq!(ids(&left).len(), 2, "of another topic");
    assert_eq!(office.sent(Topic::ToolResults).await.len(), 0);
}

#[tokio::test]
async fn request_that_makes_no_sense_says_what_is_wrong() {
    let office = Office::with(three()).await;
    let redrive = format!("{INBOUND}/redrive");
    let (id, none) = (nowhere().to_string(), json!({}));

    for (target, body, fields) in [
        ("/v1/admin/dlq/no.topic/redrive", none.clone(), vec!["topic"]),
        (&redrive, json!({"ids": ["x"]}), vec!["ids"]),
        (&redrive, json!({"ids": null}), vec!["ids"]),
        (&redrive, json!({"ids": vec![&id; 1_001]}), vec!["ids"]),
        (&redrive, json!({"limit": 0}), vec!["limit"]),
        (&redrive, json!({"limit": 1_001, "all": true}), vec!["limit", "all"]),
        (&redrive, json!({"ids": [id], "limit": 1}), vec!["limit"]),
    ] {
        let (status, kind, wrong) = office.app.post(target, &body).await.problem();
        assert_eq!(
            (status, kind.as_str(), wrong),
            (422, "invalid-request", fields.iter().map(|field| (*field).to_owned()).collect()),
            "{target} {body}"
        );
    }
    for (target, field) in [
        ("/v1/admin/dlq?limit=101", "limit"),
        ("/v1/admin/dlq?after=x", "after"),
        ("/v1/admin/dlq/nothing", "topic"),
        ("/v1/admin/dlq/tool.results/x", "id"),
    ] {
        let (status, _, wrong) = office.app.get(target).await.problem();
        assert_eq!((status, wrong), (422, vec![field.to_owned()]), "{target}");
    }
    assert_eq!(office.sent(Topic::ConversationInbound).await.len(), 0);
}

#[tokio::test]
async fn who_is_no_operator_sees_and_changes_nothing() {
    let one = |method: &'static str, target: String| (method, target);
    let requests = [
        one("GET", "/v1/admin/dlq".into()),
        one("GET", INBOUND.into()),
        one("GET", format!("{INBOUND}/{}", nowhere())),
        one("POST", format!("{INBOUND}/redrive")),
        one("DELETE", INBOUND.into()),
        one("DELETE", format!("{INBOUND}/{}", nowhere())),
    ];
    let admin = Action::Admin(AdminArea::DeadLetters);
    let denying = || StaticPolicy::allow_all().deny(admin, "not on my watch");
    let someone = Office::open(principal("acme"), StaticPolicy::allow_all(), three()).await;
    let denied = Office::open(operator(), denying(), three()).await;

    for (method, target) in &requests {
        for (office, kind) in [(&someone, "out-of-scope"), (&denied, "denied")] {
            let answer = office.app.request(method, target).json(&json!({})).send().await;
            assert_eq!(answer.refused(403), kind, "{method} {target}");
        }
    }
    for office in [&someone, &denied] {
        assert_eq!(office.sent(Topic::ConversationInbound).await.len(), 0);
        assert_eq!(office.sent(Topic::ConversationInboundDlq).await.len(), 2);
    }
    assert_eq!(denied.ledger.decisions_outside(&operator().tenant).len(), requests.len());
}
