//! Asking policy and budget.

use futures_util::future::join_all;
use serde_json::{Map, json};

use super::drive::{Drive, TRIES};
use crate::budget::window::BudgetWindow;
use crate::budget::{Account, Grant, ReservationKey, ReservationRequest, Tokens};
use crate::flows::persist::retry;
use crate::policy::{Action, Decision, PolicyRequest};
use crate::ports::PortResult;
use crate::turn::input::Input;

impl Drive<'_> {
    /// May this be answered, recalled for, remembered? No decision is a denial.
    pub(super) async fn authorize(&self) -> Input {
        let actions = [
            (Action::ConversationSend, "message"),
            (Action::MemoryRecall, "memory"),
            (Action::MemoryWrite, "memory"),
        ];
        let decisions = actions.map(|(action, resource)| self.decide(action, resource));
        Input::Authorized { decisions: join_all(decisions).await }
    }

    async fn decide(&self, action: Action, resource: &str) -> Decision {
        let accepted = self.turn.accepted();
        let length = accepted.map_or(0, |accepted| accepted.message.len());
        let none = Map::new();
        let metadata = accepted.map_or(&none, |accepted| &accepted.metadata);
        let request = PolicyRequest {
            tenant: self.claim.tenant.clone(),
            persona_id: accepted.and_then(|accepted| accepted.persona_id.clone()),
            action,
            resource: resource.into(),
            context: json!({"message_length": length, "metadata": metadata}),
        };
        let policy = &self.flow.ports.policy;
        match retry(&self.flow.world, TRIES, || policy.decide(&request)).await {
            Ok(decision) => decision,
            Err(error) => {
                tracing::warn!(%error, %action, "no policy decision: denied");
                Decision::unreachable(&request)
            }
        }
    }

    /// Sets tokens aside for a model call. A counter that grants less than is wanted is asked once more,
    /// from the ledger: it may be full of grants whose workers died before they committed them.
    pub(super) async fn reserve(
        &self,
        call: u32,
        want: Tokens,
        least: Tokens,
    ) -> PortResult<Input> {
        let window = BudgetWindow::at(self.flow.world.clock.now());
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
