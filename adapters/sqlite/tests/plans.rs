//! Every statement of this crate finds its rows by an index.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "common/statements.rs"]
mod statements;

use std::path::Path;

use rusqlite::Connection;
use soma_sqlite::Database;
use tempfile::TempDir;

/// What may read a whole table, and why that is all right.
const MAY_SCAN: [(&str, &str); 12] = [
    ("SELECT count(*) = 0 FROM sqlite_schema", "once, at start"),
    ("SELECT count(*), min(created_at) FROM outbox", "counts what waits, for operators"),
    ("SELECT topic, count(*), min(at) FROM dlq", "counts what was set aside, for operators"),
    ("SELECT action, resource, allow, reasons, input, bundle FROM policy_decisions", "for tests"),
    ("SELECT count(*) FROM memory_write_outbox", "counts what waits, for operators"),
    ("SELECT tenant, count(*) FROM turns WHERE state <>", "what is not done, once a second"),
    ("SELECT tenant, count(*) FROM tool_calls WHERE outcome", "what is not done, once a second"),
    (
        "DELETE FROM outbox WHERE key = ?1",
        "rows stay for a moment, and sessions are rarely deleted",
    ),
    ("SELECT id FROM client_requests ORDER BY id LIMIT 2", "stops at the second row"),
    ("UPDATE leases SET owner = NULL, until = 0 WHERE owner IS NOT NULL", "once, at start"),
    ("UPDATE work_owners SET until = 0", "once, at start"),
    ("SELECT id, key FROM memory_write_outbox WHERE lane IS NULL", "once, when a file is migrated"),
];

/// The steps of a statement's plan that read a whole table or index.
fn scans(connection: &Connection, statement: &str) -> Vec<String> {
    let explained = format!("EXPLAIN QUERY PLAN {statement}");
    let mut plan = connection.prepare(&explained).unwrap();
    // Parameters are left unbound: the plan does not depend on them.
    let mut rows = plan.raw_query();
    let mut scans = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        let step: String = row.get("detail").unwrap();
        let reads_all = step.starts_with("SCAN ") && !step.ends_with("CONSTANT ROW");
        // A full-text index is searched through its virtual table.
        if reads_all && !step.contains("VIRTUAL TABLE INDEX") {
            scans.push(step);
        }
    }
    scans
}

#[test]
fn every_statement_finds_its_rows_by_an_index() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("soma.db");
    drop(Database::open(&path).unwrap());
    let connection = Connection::open(&path).unwrap();

    let statements = statements::all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));

    assert!(statements.len() > 80, "only {} statements were found", statements.len());
    let scanning = statements.iter().filter_map(|statement| {
        let scans = scans(&connection, statement);
        let excused = MAY_SCAN.iter().any(|(excused, _)| statement.contains(excused));
        (!scans.is_empty() && !excused).then(|| format!("{statement}\n    {scans:?}"))
    });
    assert_eq!(scanning.collect::<Vec<_>>(), [""; 0]);
}
