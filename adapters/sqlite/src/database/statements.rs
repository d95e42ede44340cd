//! No statement is prepared twice.

use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::{Connection, StatementStatus};
use tempfile::TempDir;

use super::open::{STATEMENTS, reading, writing};

#[path = "../../tests/common/statements.rs"]
mod sources;

fn statements() -> BTreeSet<String> {
    sources::all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).into_iter().collect()
}

/// Runs a statement again and again with other values. Returns how often it was prepared again.
fn prepared_again(connection: &Connection, sql: &str) -> i32 {
    let mut statement = connection.prepare_cached(sql).unwrap();
    for value in 0..8_i64 {
        for parameter in 1..=statement.parameter_count() {
            let number = value * 7 + i64::try_from(parameter).unwrap();
            if value % 2 == 0 {
                statement.raw_bind_parameter(parameter, number).unwrap();
            } else {
                statement.raw_bind_parameter(parameter, format!("v{number}")).unwrap();
            }
        }
        let mut rows = statement.raw_query();
        // A value may be of the wrong type: the statement was begun all the same.
        while matches!(rows.next(), Ok(Some(_))) {}
    }
    statement.get_status(StatementStatus::RePrepare)
}

#[test]
fn no_statement_is_prepared_again_because_a_value_changed() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("soma.db");
    let (writer, reader) = (writing(&path).unwrap(), reading(&path).unwrap());

    for connection in [&writer, &reader] {
        let again: Vec<(String, i32)> = statements()
            .into_iter()
            .map(|sql| (prepared_again(connection, &sql), sql))
            .filter(|(count, _)| *count > 0)
            .map(|(count, sql)| (sql, count))
            .collect();

        assert_eq!(again, []);
    }
}

#[test]
fn all_statements_are_kept_at_once() {
    assert!(statements().len() < STATEMENTS, "{} statements", statements().len());
}
