//! What a worker hears from the model and from policy, after everything that may become of a call.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::StreamExt;
use soma_core::budget::Tokens;
use soma_core::conversation::model::ModelFailure;
use soma_core::ids::TurnId;
use soma_core::policy::{Decision, PolicyRequest};
use soma_core::ports::model::{ModelEvent, ModelRequest, ModelStream};
use soma_core::ports::{Model, Policy, PortResult};

use super::Audit;

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
        let turn = request.turn_id;
        let audit = Arc::clone(&self.audit);
        let stream = self.inner.generate(request).await;
        let stream = stream.inspect_err(|failure| audit.model_failed(turn, failure.clone()))?;
        let mut said = false;
        let hear = move |event: &Result<ModelEvent, ModelFailure>| match event {
            Ok(ModelEvent::Text(text)) => said |= !text.is_empty(),
            Ok(ModelEvent::Done { tool_calls, .. }) if !said && tool_calls.is_empty() => {
                audit.model_failed(turn, ModelFailure::Refused("it said nothing".into()));
            }
            Ok(ModelEvent::Done { .. }) => {}
            Err(failure) => audit.model_failed(turn, failure.clone()),
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
