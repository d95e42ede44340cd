//! A policy that denies what says that it is to be denied.

use async_trait::async_trait;
use soma_core::ids::TenantId;
use soma_core::policy::{Action, Decision, PolicyRequest};
use soma_core::ports::{Policy, PortResult};

use super::tools::DENIED;

/// Denies the tool `denied`, messages whose metadata has `deny`, and all memory of one tenant.
#[derive(Clone, Debug)]
pub struct SimulatedPolicy {
    /// Whose messages are not remembered, if anyone's.
    pub forgetful: Option<TenantId>,
}

#[async_trait]
impl Policy for SimulatedPolicy {
    async fn decide(&self, requests: &[PolicyRequest]) -> PortResult<Vec<Decision>> {
        Ok(requests.iter().map(|request| self.decide_one(request)).collect())
    }
}

impl SimulatedPolicy {
    fn decide_one(&self, request: &PolicyRequest) -> Decision {
        let denied = match request.action {
            Action::ConversationSend => !request.context["metadata"]["deny"].is_null(),
            Action::ToolExecute => request.resource == DENIED,
            Action::MemoryWrite | Action::MemoryRecall => {
                self.forgetful.as_ref() == Some(&request.tenant)
            }
            Action::SettingsUpdate | Action::AttachmentUpload | Action::Admin(_) => true,
        };
        let reasons = denied.then(|| "it is denied".to_owned());
        Decision::new(request, !denied, reasons.into_iter().collect())
    }
}
