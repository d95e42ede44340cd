//! A policy as a list.

use async_trait::async_trait;
use soma_core::ids::TenantId;
use soma_core::policy::{Action, Decision, PolicyRequest};
use soma_core::ports::{Policy, PortResult};

/// Allows what no rule denies: for tests and embedding.
#[derive(Clone, Debug, Default)]
pub struct StaticPolicy {
    denials: Vec<Denial>,
}

/// A rule: what is denied, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// What may not be done.
    pub action: Action,
    /// To what; none is everything.
    pub resource: Option<String>,
    /// By whom; none is everyone.
    pub tenant: Option<TenantId>,
    /// Why, for people.
    pub reason: String,
}

impl Denial {
    fn applies(&self, request: &PolicyRequest) -> bool {
        let Self { action, resource, tenant, .. } = self;
        *action == request.action
            && resource.as_ref().is_none_or(|resource| *resource == request.resource)
            && tenant.as_ref().is_none_or(|tenant| *tenant == request.tenant)
    }
}

impl StaticPolicy {
    /// Denies nothing.
    pub const fn allow_all() -> Self {
        Self { denials: Vec::new() }
    }

    /// Denies what the rules say.
    pub const fn denying(denials: Vec<Denial>) -> Self {
        Self { denials }
    }

    /// Denies this, too, to everyone.
    #[must_use]
    pub fn deny(mut self, action: Action, reason: impl Into<String>) -> Self {
        self.denials.push(Denial { action, resource: None, tenant: None, reason: reason.into() });
        self
    }

    fn decide_one(&self, request: &PolicyRequest) -> Decision {
        let denials = self.denials.iter().filter(|denial| denial.applies(request));
        let reasons: Vec<_> = denials.map(|denial| denial.reason.clone()).collect();
        Decision::new(request, reasons.is_empty(), reasons)
    }
}

#[async_trait]
impl Policy for StaticPolicy {
    async fn decide(&self, requests: &[PolicyRequest]) -> PortResult<Vec<Decision>> {
        Ok(requests.iter().map(|request| self.decide_one(request)).collect())
    }
}
