//! Every statement of this crate reads by an index, whatever the tables hold.

use std::fs;
use std::path::Path;

use async_trait::async_trait;
use soma_core::contract::{self, Fixture};
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::common::Place;

struct Server(Place);

#[async_trait]
impl Fixture for Server {
    type Port = Client;
    const DURABLE: bool = true;

    async fn start() -> Option<Self> {
        Place::new().await.map(Self)
    }

    /// A connection that is told what those of the services are.
    async fn open(&self) -> Client {
        let admin = self.0.admin().await;
        admin.batch_execute("SET ROLE soma_service; SET soma.tenants = '*'").await.unwrap();
        let told = include_str!("../../src/database/connect.rs");
        let (_, told) = told.split_once("const PLANNER: &str = \"").unwrap();
        let (told, _) = told.split_once("\";").unwrap();
        let settings: Vec<&str> =
            told.split_whitespace().filter(|word| word.contains('=')).collect();
        assert!(settings.len() > 4, "{settings:?}");
        for setting in settings {
            admin.batch_execute(&format!("SET {setting}")).await.unwrap();
        }
        admin
    }
}

/// What is read whole, and why.
const WHOLE: [(&str, &str); 5] = [
    ("SELECT count(*), (SELECT created_at FROM outbox", "it counts all that waits"),
    ("SELECT (SELECT count(*) FROM memory_write_outbox)", "it counts all that waits"),
    ("WITH writes AS ( DELETE FROM memory_write_outbox", "few wait when a session is erased"),
    ("SELECT action, resource, allow, reasons, input, bundle FROM policy_decisions", "for tests"),
    ("SELECT CASE WHEN is_called THEN last_value", "a sequence is one row"),
];

#[tokio::test]
async fn statements_on_empty_tables_read_by_an_index() {
    let Some(server) = contract::start::<Server>().await else { return };

    explain(&server).await;
}

#[tokio::test]
async fn statements_on_a_thousand_rows_read_by_an_index() {
    let Some(server) = contract::start::<Server>().await else { return };
    fill(&server.0.admin().await, 1_000).await;

    explain(&server).await;
}

/// It takes minutes: only where `SOMA_TEST_MILLION` is set.
#[tokio::test]
async fn statements_on_a_million_rows_read_by_an_index() {
    if std::env::var_os("SOMA_TEST_MILLION").is_none() {
        return;
    }
    let Some(server) = contract::start::<Server>().await else { return };
    fill(&server.0.admin().await, 1_000_000).await;

    explain(&server).await;
}

/// Puts so many rows into the tables that grow, and lets the planner know.
async fn fill(admin: &Client, rows: u32) {
    let sql = format!(
        "INSERT INTO sessions (session_id, tenant, created_at, updated_at, event_count, head)
         SELECT gen_random_uuid(), 'acme', now(), now(), 1, '' FROM generate_series(1, {rows});
         INSERT INTO session_events (tenant, session_id, seq, event_id, occurred_at, history, payload)
         SELECT 'acme', session_id, 1, gen_random_uuid(), now(), true, '{{}}' FROM sessions;
         INSERT INTO outbox (lane, tenant, topic, key, kind, first_seq, last_seq, created_at)
         SELECT 3, 'acme', 'conversation.outbound', convert_to(session_id::text, 'UTF8'), 'test',
                1, 1, now() FROM sessions;
         INSERT INTO memory_write_outbox (tenant, session_id, idempotency_key, lane, payload)
         SELECT 'acme', session_id, session_id::text, 3, '{{}}' FROM sessions;
         INSERT INTO memory_forgets (session_id, tenant, erased_at)
         SELECT session_id, 'acme', now() FROM sessions;
         INSERT INTO memory_replica (tenant, session_id, event_id, wal_timestamp, payload)
         SELECT 'acme', session_id, gen_random_uuid(), now(), '{{}}' FROM sessions;
         INSERT INTO turns (turn_id, tenant, session_id, number, state, steps, accepted_at)
         SELECT session_id, 'acme', session_id, 1, 'done', 1, now() FROM sessions;
         INSERT INTO turn_inputs (tenant, turn_id, step, input)
         SELECT 'acme', session_id, 0, '{{}}' FROM sessions;
         INSERT INTO tool_calls (call_id, tenant, session_id, call, state, outcome, requested_at)
         SELECT session_id, 'acme', session_id, '{{}}', 'delivered', '{{}}', now() FROM sessions;
         INSERT INTO client_requests (tenant, key, digest, answer, at)
         SELECT 'acme', session_id::text, '', '{{}}', now() FROM sessions;
         INSERT INTO work_claims (kind, tenant, session_id) SELECT 'turns', 'acme', session_id FROM sessions;
         INSERT INTO usage_ledger (tenant, persona_id, budget_window, turn_id, call, reserved, used)
         SELECT 'acme', '', 1, session_id, 1, 1, 1 FROM sessions;
         INSERT INTO leases (resource, epoch, until)
         SELECT 'outbox/' || lane, 0, now() FROM generate_series(0, 15) AS lane;
         ANALYZE;"
    );
    admin.batch_execute(&sql).await.unwrap();
}

async fn explain(server: &Server) {
    server.0.database().check().await.unwrap();
    let client = server.open().await;
    let statements = statements(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(statements.len() > 30, "{}", statements.len());
    for statement in statements {
        if WHOLE.iter().any(|(start, _)| statement.starts_with(start)) {
            continue;
        }
        let plan = plan(&client, &statement).await;
        for reads in ["Seq Scan", "Bitmap", "Hash Join", "Merge Join"] {
            assert!(!plan.contains(reads), "{statement}\n{plan}");
        }
    }
}

async fn plan(client: &Client, statement: &str) -> String {
    let parameters = (1..100).take_while(|place| statement.contains(&format!("${place}"))).count();
    let nulls = vec!["NULL"; parameters].join(", ");
    let nulls = if nulls.is_empty() { nulls } else { format!("({nulls})") };
    let sql = format!(
        "PREPARE planned AS {statement}; EXPLAIN (COSTS OFF) EXECUTE planned{nulls};
         DEALLOCATE planned"
    );
    let answers = client.simple_query(&sql).await;
    assert!(answers.is_ok(), "{statement}\n{answers:?}");
    let answers = answers.unwrap();
    let lines = answers.iter().filter_map(|answer| {
        if let SimpleQueryMessage::Row(row) = answer { row.get(0) } else { None }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Every statement in the sources of a folder, as it stands there.
fn statements(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(statements(&path));
        } else {
            let source = fs::read_to_string(path).unwrap();
            let code = source.lines().filter(|line| !line.trim_start().starts_with("//"));
            let code = code.collect::<Vec<_>>().join("\n");
            let literals = code.split('"').skip(1).step_by(2);
            let squeezed =
                literals.map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "));
            let verbs = ["SELECT ", "INSERT INTO ", "UPDATE ", "DELETE FROM ", "WITH "];
            found.extend(squeezed.filter(|text| verbs.iter().any(|verb| text.starts_with(verb))));
        }
    }
    found
}
