//! The replica of what was remembered.

use async_trait::async_trait;
use soma_core::ids::TenantId;
use soma_core::memory::WalEvent;
use soma_core::ports::{PortResult, Replica};
use soma_core::work::ingest::{BatchOutcome, ReplicaBatch};

use super::InprocLedger;
use super::state::State;

#[async_trait]
impl Replica for InprocLedger {
    async fn apply(&self, batch: ReplicaBatch) -> PortResult<BatchOutcome> {
        let mut state = self.state();
        let outcome = state.leases.advance(&batch);
        if outcome == BatchOutcome::Applied {
            let State { replica, erased, .. } = &mut *state;
            let kept = |wal: &WalEvent| !erased.contains_key(&wal.write.session_id);
            for wal in batch.items.into_iter().filter(kept) {
                let row = (wal.write.tenant.clone(), wal.write.event_id);
                replica.entry(row).or_insert(wal);
            }
            for letter in batch.dead {
                state.outbox.set_aside(letter);
            }
        }
        Ok(outcome)
    }
}

impl InprocLedger {
    /// The rows of a tenant: for tests.
    pub fn replica_rows(&self, tenant: &TenantId) -> Vec<WalEvent> {
        let state = self.state();
        let rows = state.replica.iter().filter(|((of, _), _)| of == tenant);
        rows.map(|(_, row)| row.clone()).collect()
    }
}
