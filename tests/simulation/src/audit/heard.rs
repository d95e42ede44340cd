//! What services hear from the model, from policy and from the rate limit, after everything that may become of a call.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::StreamExt;
use soma_core::budget::Tokens;
use soma_core::conversation::model::{ModelFailure, Usage};
use soma_core::ids::{TenantId, TurnId};
use soma_core::policy::{Decision, PolicyRequest};
use soma_core::ports::model::{ModelEvent, ModelRequest, ModelStream};
use soma_core::ports::rate_limit::{Admission, Rate};
use soma_core::ports::{Model, Policy, PortResult, RateLimit};

use super::Audit;
use super::calls::Came;

/// Something that is asked, and the auditor hears what it answers.
pub struct Heard<P: ?Sized> {
    inner: Arc<P>,
    audit: Arc<Audit>,
}

impl<P: ?Sized> Heard<P> {
    /// What `inner` answers, as `audit` hears it.
    pub const fn new(inner: Arc<P>, audit: Arc<Audit>) -> Self {
        Self { inner, audit }
    }
}

#[async_trait]
impl Model for Heard<dyn Model> {
    async fn generate(&self, request: ModelRequest) -> Result<ModelStream, ModelFailure> {
        let (turn, audit, inner) =
            (request.turn_id, Arc::clone(&self.audit), Arc::clone(&self.inner));
        let count = |text: &str| inner.count(text);
        let prompt = request.messages.iter().map(|message| message.tokens(&count)).sum();
        audit.model_chosen(turn, &request.profile.model);
        let call = audit.call_begins(turn, prompt);
        let stream = self.inner.generate(request).await;
        let stream = stream.inspect_err(|failure| {
            audit.call_came(call, 0, Came::Refused);
            audit.model_failed(turn, failure.clone());
        })?;
        let mut said = String::new();
        let hear = move |event: &Result<ModelEvent, ModelFailure>| {
            let came = match event {
                Ok(ModelEvent::Text(text)) => {
                    said.push_str(text);
                    Came::Running
                }
                Ok(ModelEvent::Reasoning(_)) => Came::Running,
                Ok(ModelEvent::Done { tool_calls, usage, .. }) => {
                    if said.is_empty() && tool_calls.is_empty() {
                        audit.model_failed(turn, ModelFailure::Refused("it said nothing".into()));
                    }
                    Came::Done(usage.map(Usage::total))
                }
                Err(failure) => {
                    audit.model_failed(turn, failure.clone());
                    Came::BrokeOff
                }
            };
            audit.call_came(call, inner.count(&said), came);
        };
        Ok(stream.inspect(hear).boxed())
    }

    fn count(&self, text: &str) -> Tokens {
        self.inner.count(text)
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }
}

#[async_trait]
impl Policy for Heard<dyn Policy> {
    async fn decide(&self, requests: &[PolicyRequest]) -> PortResult<Vec<Decision>> {
        let decided = self.inner.decide(requests).await;
        decided.inspect_err(|_| self.audit.policy_failed())
    }
}

#[async_trait]
impl RateLimit for Heard<dyn RateLimit> {
    async fn admit(&self, tenant: &TenantId, key: &str, rate: Rate) -> PortResult<Admission> {
        let admission = self.inner.admit(tenant, key, rate).await?;
        if admission == Admission::Admitted {
            self.audit.books().let_in.entry(tenant.clone()).or_default().0 += 1;
        }
        Ok(admission)
    }
}

impl Audit {
    /// A worker was told that the model failed.
    pub fn model_failed(&self, turn: TurnId, failure: ModelFailure) {
        if let Some(turn) = self.books().sessions.turn_mut(turn) {
            turn.model_failures.push(failure);
        }
    }

    /// Somebody was told that policy did not decide.
    pub fn policy_failed(&self) {
        self.books().policy_failed = true;
    }
}

soma_core::opaque_debug!(Heard<P: ?Sized>);
