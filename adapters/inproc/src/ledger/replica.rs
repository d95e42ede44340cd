//! The replica of what was remembered.

use async_trait::async_trait;
use soma_core::ids::{EventId, TenantId};
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

    async fn find(&self, tenant: &TenantId, event: EventId) -> PortResult<Option<WalEvent>> {
        Ok(self.state().replica.get(&(tenant.clone(), event)).cloned())
    }

    async fn count(&self, tenant: &TenantId) -> PortResult<u64> {
        Ok(self.state().replica.keys().filter(|(of, _)| of == tenant).count() as u64)
    }
}
