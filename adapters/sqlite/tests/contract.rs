//! The contracts of the ports, against one file on the disk.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "common/rows.rs"]
mod rows;

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, params};
use soma_core::contract::Fixture;
use soma_core::contract::clock::ManualClock;
use soma_core::contract::damage::{Damage, Damaged};
use soma_core::contract::ledger::Ledger;
use soma_inproc::InprocBudget;
use soma_sqlite::{
    Database, SqliteDeadLetters, SqliteDecisions, SqliteLeases, SqliteMemoryQueue, SqliteOutbox,
    SqliteReplica, SqliteStore, SqliteUsageLedger, SqliteWork,
};
use tempfile::TempDir;

use rows::Rows;

/// A folder with one database.
struct Sqlite {
    folder: TempDir,
}

impl Sqlite {
    fn path(&self) -> PathBuf {
        self.folder.path().join("soma.db")
    }
}

#[async_trait]
impl Fixture for Sqlite {
    type Port = Ledger;
    const DURABLE: bool = true;

    async fn start() -> Option<Self> {
        Some(Self { folder: TempDir::new().unwrap() })
    }

    async fn open(&self) -> Ledger {
        let database = Database::open(self.path()).unwrap();
        let clock = Arc::new(ManualClock::default());
        let usage = Arc::new(SqliteUsageLedger::new(database.clone()));
        let replica = SqliteReplica::new(database.clone());
        let decisions = SqliteDecisions::new(database.clone());
        Ledger {
            store: Arc::new(SqliteStore::new(database.clone())),
            work: Arc::new(SqliteWork::new(database.clone(), clock.clone())),
            leases: Arc::new(SqliteLeases::new(database.clone(), clock.clone())),
            outbox: Arc::new(SqliteOutbox::new(database.clone())),
            dead_letters: Arc::new(SqliteDeadLetters::new(database.clone())),
            decisions: Arc::new(decisions.clone()),
            memory_queue: Arc::new(SqliteMemoryQueue::new(database.clone(), clock.clone())),
            replica: Arc::new(replica.clone()),
            budget: Arc::new(InprocBudget::new(Arc::clone(&usage) as _)),
            usage,
            clock,
            damage: Arc::new(Damages(self.path())),
            inspect: Arc::new(Rows(replica, decisions)),
        }
    }
}

/// Damages rows by a connection of its own.
struct Damages(PathBuf);

#[async_trait]
impl Damage for Damages {
    async fn damage(&self, what: Damaged) {
        let file = Connection::open(&self.0).unwrap();
        // One byte short: no JSON any more.
        let cut = |column: &str| format!("{column} = substr({column}, 1, length({column}) - 1)");
        let damaged = match what {
            Damaged::LastInput(turn) => file.execute(
                &format!(
                    "UPDATE turn_inputs SET {} WHERE turn_id = ?1
                        AND step = (SELECT max(step) FROM turn_inputs WHERE turn_id = ?1)",
                    cut("input")
                ),
                params![turn.as_uuid()],
            ),
            Damaged::Call(call) => file.execute(
                &format!("UPDATE tool_calls SET {} WHERE call_id = ?1", cut("call")),
                params![call.as_uuid()],
            ),
            Damaged::Outcome(call) => file.execute(
                &format!("UPDATE tool_calls SET {} WHERE call_id = ?1", cut("outcome")),
                params![call.as_uuid()],
            ),
            Damaged::Event(session, seq) => file.execute(
                &format!(
                    "UPDATE session_events SET {} WHERE session_id = ?1 AND seq = ?2",
                    cut("payload")
                ),
                params![session.as_uuid(), seq.0],
            ),
            Damaged::OutboxRow(session) => file.execute(
                "UPDATE outbox SET topic = 'from.tomorrow'
                  WHERE id = (SELECT min(id) FROM outbox WHERE key = ?1)",
                [session.to_string()],
            ),
            Damaged::Memories(session) => file.execute(
                &format!("UPDATE memory_write_outbox SET {} WHERE session_id = ?1", cut("payload")),
                params![session.as_uuid()],
            ),
        };
        assert_eq!(damaged.unwrap(), 1, "{what:?}");
    }
}

soma_core::contract_tests!(budget, Sqlite);
soma_core::contract_tests!(dead_letters, Sqlite);
soma_core::contract_tests!(decisions, Sqlite);
soma_core::contract_tests!(leases, Sqlite);
soma_core::contract_tests!(memory_queue, Sqlite);
soma_core::contract_tests!(outbox, Sqlite);
soma_core::contract_tests!(replica, Sqlite);
soma_core::contract_tests!(store, Sqlite);
soma_core::contract_tests!(usage_ledger, Sqlite);
soma_core::contract_tests!(work, Sqlite);
