//! Asking policy and budget.

use serde_json::{Map, json};

use super::drive::{Drive, TRIES};
use crate::budget::window::BudgetWindow;
use crate::budget::{Account, Grant, ReservationKey, ReservationRequest, Tokens};
use crate::flows::decide::decide;
use crate::flows::persist::retry;
use crate::policy::{Action, PolicyRequest};
use crate::ports::PortResult;
use crate::turn::input::Input;

impl Drive<'_> {
    /// May this be answered, recalled for, remembered? One call asks all three; no decision is a
    /// denial.
    pub(super) async fn authorize(&self) -> Input {
        let actions = [
            (Action::ConversationSend, "message"),
            (Action::MemoryRecall, "memory"),
            (Action::MemoryWrite, "memory"),
        ];
        let requests = actions.map(|(action, resource)| self.policy_request(action, resource));
        let policy = &*self.flow.ports.policy;
        Input::Authorized { decisions: decide(policy, &self.flow.world, &requests, TRIES).await }
    }

    fn policy_request(&self, action: Action, resource: &str) -> PolicyRequest {
        let accepted = self.turn.accepted();
        let length = accepted.map_or(0, |accepted| accepted.message.len());
        let none = Map::new();
        let metadata = accepted.map_or(&none, |accepted| &accepted.metadata);
        PolicyRequest {
            tenant: self.claim.tenant.clone(),
            persona_id: accepted.and_then(|accepted| accepted.persona_id.clone()),
            action,
            resource: resource.into(),
            context: json!({"message_length": length, "metadata": metadata}),
        }
    }

    /// Sets tokens aside for a model call. A counter that grants less than is wanted is asked once more,
    /// from the ledger: it may be full of grants whose workers died before they committed them.
    pub(super) async fn reserve(
        &self,
        call: u32,
        window: BudgetWindow,
        want: Tokens,
        least: Tokens,
    ) -> PortResult<Input> {
        let persona_id = self.turn.accepted().and_then(|accepted| accepted.persona_id.clone());
        let request = ReservationRequest {
            key: ReservationKey { turn_id: self.turn.id(), call },
            account: Account { tenant: self.claim.tenant.clone(), persona_id },
            window,
            limit: self.turn.config().and_then(|config| config.budget_limit),
            want,
            least,
        };
        let budget = &self.flow.ports.budget;
        let ask = || retry(&self.flow.world, TRIES, || budget.reserve(&request));
        let mut grant = ask().await?;
        if grant != Grant::Granted(want) {
            let refresh = || budget.refresh(&request.account, window);
            retry(&self.flow.world, TRIES, refresh).await?;
            grant = ask().await?;
        }
        Ok(Input::BudgetAnswered { window, grant })
    }
}
