//! Decisions about what is done in no session.

use async_trait::async_trait;
use soma_core::ids::TenantId;
use soma_core::policy::Decision;
use soma_core::ports::{Decisions, PortResult};
use soma_core::time::Timestamp;

use super::InprocLedger;

#[async_trait]
impl Decisions for InprocLedger {
    async fn record(
        &self,
        tenant: &TenantId,
        decisions: &[Decision],
        _at: Timestamp,
    ) -> PortResult<()> {
        let made = decisions.iter().map(|decision| (tenant.clone(), None, decision.clone()));
        self.state().decisions.extend(made);
        Ok(())
    }
}

impl InprocLedger {
    /// What was decided for a tenant outside of any session: for tests.
    pub fn decisions_outside(&self, tenant: &TenantId) -> Vec<Decision> {
        let state = self.state();
        let outside =
            state.decisions.iter().filter(|(of, session, _)| of == tenant && session.is_none());
        outside.map(|(_, _, decision)| decision.clone()).collect()
    }
}
