//! The same acts, in any order, lead to the same ledger: in memory and in `SQLite`.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod act;
#[path = "../common/rows.rs"]
mod rows;
mod world;

use std::sync::Arc;

use async_trait::async_trait;
use proptest::test_runner::{Config, TestRng, TestRunner};
use soma_core::contract::clock::ManualClock;
use soma_core::contract::damage::NoDamage;
use soma_core::contract::inspect::Inspect;
use soma_core::contract::ledger::Ledger;
use soma_core::ids::TenantId;
use soma_core::memory::WalEvent;
use soma_core::policy::Decision;
use soma_inproc::{InprocBudget, InprocLedger};
use soma_sqlite::{
    Database, SqliteDeadLetters, SqliteDecisions, SqliteLeases, SqliteMemoryQueue, SqliteOutbox,
    SqliteReplica, SqliteStore, SqliteUsageLedger, SqliteWork,
};
use tempfile::TempDir;

use act::{Act, acts};
use rows::Rows;
use world::World;

struct ModelRows(Arc<InprocLedger>);

#[async_trait]
impl Inspect for ModelRows {
    async fn replica(&self, tenant: &TenantId) -> Vec<WalEvent> {
        self.0.replica_rows(tenant)
    }

    async fn decisions(&self, tenant: &TenantId) -> Vec<Decision> {
        self.0.decisions_outside(tenant)
    }
}

fn model() -> Ledger {
    let clock = Arc::new(ManualClock::default());
    let ledger = Arc::new(InprocLedger::new(clock.clone()));
    let budget = Arc::new(InprocBudget::new(Arc::clone(&ledger) as _));
    let inspect = Arc::new(ModelRows(Arc::clone(&ledger)));
    Ledger { inspect, ..Ledger::of(ledger, budget, clock, Arc::new(NoDamage)) }
}

fn sqlite(folder: &TempDir) -> Ledger {
    let database = Database::open(folder.path().join("soma.db")).unwrap();
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
        damage: Arc::new(NoDamage),
        inspect: Arc::new(Rows(replica, decisions)),
    }
}

async fn both_agree(acts: &[Act]) {
    let folder = TempDir::new().unwrap();
    let (mut model, mut sqlite) = (World::new(model()), World::new(sqlite(&folder)));
    for (number, act) in acts.iter().enumerate() {
        let (expected, answer) = (model.perform(act).await, sqlite.perform(act).await);
        assert_eq!(answer, expected, "the answer to act {number}, {act:?}");
        let (expected, seen) = (model.sight().await, sqlite.sight().await);
        assert_eq!(seen, expected, "after act {number}, {act:?}");
    }
}

/// The same cases every time in CI. `PROPTEST_CASES` asks for another number of them.
#[test]
fn whatever_happens_sqlite_says_what_the_model_says() {
    let mut config = Config { failure_persistence: None, ..Config::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = 64;
    }
    let mut runner = if std::env::var_os("CI").is_some() {
        let rng = TestRng::deterministic_rng(config.rng_algorithm);
        TestRunner::new_with_rng(config, rng)
    } else {
        TestRunner::new(config)
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();

    let outcome = runner.run(&acts(60), |acts| {
        runtime.block_on(both_agree(&acts));
        Ok(())
    });

    outcome.unwrap_or_else(|error| panic!("{error}"));
}
