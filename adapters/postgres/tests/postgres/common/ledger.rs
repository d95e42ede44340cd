//! The ports of the ledger over one database, and what gets behind their backs.

use std::sync::Arc;

use async_trait::async_trait;
use soma_core::contract::damage::{Damage, Damaged};
use soma_core::contract::inspect::Inspect;
use soma_core::contract::ledger::Ledger;
use soma_core::ids::TenantId;
use soma_core::memory::WalEvent;
use soma_core::policy::Decision;
use soma_inproc::InprocBudget;
use soma_postgres::{
    PostgresDeadLetters, PostgresDecisions, PostgresLeases, PostgresMemoryQueue, PostgresOutbox,
    PostgresReplica, PostgresStore, PostgresUsageLedger, PostgresWork,
};
use tokio_postgres::Client;

use super::Place;
use super::steer::DatabaseClock;
use super::tasks::Tasks;

/// Everything over one database.
pub(crate) async fn ledger(place: &Place) -> Ledger {
    let database = place.database();
    let usage = Arc::new(PostgresUsageLedger::new(database.clone()));
    let replica = PostgresReplica::new(database.clone());
    let decisions = PostgresDecisions::new(database.clone());
    let behind = Arc::new(Behind {
        admin: place.admin().await,
        replica: replica.clone(),
        decisions: decisions.clone(),
    });
    Ledger {
        store: Arc::new(PostgresStore::new(database.clone(), Arc::new(Tasks))),
        work: Arc::new(PostgresWork::new(database.clone())),
        leases: Arc::new(PostgresLeases::new(database.clone())),
        outbox: Arc::new(PostgresOutbox::new(database.clone())),
        dead_letters: Arc::new(PostgresDeadLetters::new(database.clone())),
        decisions: Arc::new(decisions),
        memory_queue: Arc::new(PostgresMemoryQueue::new(database.clone())),
        replica: Arc::new(replica),
        budget: Arc::new(InprocBudget::new(Arc::clone(&usage) as _)),
        usage,
        clock: Arc::new(DatabaseClock(place.admin().await)),
        damage: behind.clone(),
        inspect: behind,
    }
}

/// Damages rows, and looks at them.
struct Behind {
    admin: Client,
    replica: PostgresReplica,
    decisions: PostgresDecisions,
}

#[async_trait]
impl Damage for Behind {
    async fn damage(&self, what: Damaged) {
        // One byte short: no JSON any more.
        let cut = |column: &str| format!("{column} = substr({column}, 1, length({column}) - 1)");
        let admin = &self.admin;
        let damaged = match what {
            Damaged::LastInput(turn) => {
                let sql = format!(
                    "UPDATE turn_inputs SET {} WHERE turn_id = $1
                        AND step = (SELECT max(step) FROM turn_inputs WHERE turn_id = $1)",
                    cut("input")
                );
                admin.execute(&sql, &[turn.as_uuid()]).await
            }
            Damaged::Call(call) => {
                let sql = format!("UPDATE tool_calls SET {} WHERE call_id = $1", cut("call"));
                admin.execute(&sql, &[call.as_uuid()]).await
            }
            Damaged::Outcome(call) => {
                let sql = format!("UPDATE tool_calls SET {} WHERE call_id = $1", cut("outcome"));
                admin.execute(&sql, &[call.as_uuid()]).await
            }
            Damaged::Event(session, seq) => {
                let sql = format!(
                    "UPDATE session_events SET {} WHERE session_id = $1 AND seq = $2",
                    cut("payload")
                );
                let seq = i64::try_from(seq.0).unwrap();
                admin.execute(&sql, &[session.as_uuid(), &seq]).await
            }
            Damaged::OutboxRow(session) => {
                let sql = "UPDATE outbox SET topic = 'from.tomorrow'
                            WHERE id = (SELECT min(id) FROM outbox WHERE key = $1)";
                admin.execute(sql, &[&session.to_string().as_bytes()]).await
            }
            Damaged::Memories(session) => {
                let sql = format!(
                    "UPDATE memory_write_outbox SET {} WHERE session_id = $1",
                    cut("payload")
                );
                admin.execute(&sql, &[session.as_uuid()]).await
            }
        };
        assert_eq!(damaged.unwrap(), 1, "{what:?}");
    }
}

#[async_trait]
impl Inspect for Behind {
    async fn replica(&self, tenant: &TenantId) -> Vec<WalEvent> {
        self.replica.rows(tenant).await.unwrap()
    }

    async fn decisions(&self, tenant: &TenantId) -> Vec<Decision> {
        self.decisions.outside(tenant).await.unwrap()
    }
}
