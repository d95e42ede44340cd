//! Who is asking: identity comes from a token or key, never from a body.

pub mod credentials;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::ids::TenantId;

/// What a principal may do beyond using its own conversations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Use conversations and tools.
    Chat,
    /// Operate the platform: every `admin` route.
    Admin,
}

/// An authenticated caller. Every use case takes one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Principal {
    /// The tenant everything the caller does is scoped to.
    pub tenant: TenantId,
    /// The caller's name within the tenant.
    pub subject: String,
    /// What the caller may do.
    pub scopes: BTreeSet<Scope>,
}

impl Principal {
    /// A caller who may use conversations and tools.
    pub fn new(tenant: TenantId, subject: impl Into<String>) -> Self {
        Self { tenant, subject: subject.into(), scopes: BTreeSet::from([Scope::Chat]) }
    }

    /// Whether the caller holds `scope`.
    pub fn has(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn principal_has_the_scopes_it_was_given_and_no_other() {
        let tenant = TenantId::new("acme").unwrap();
        let scopes = BTreeSet::from([Scope::Chat]);
        let caller = Principal { tenant, subject: "ada".into(), scopes };

        assert!(caller.has(Scope::Chat));
        assert!(!caller.has(Scope::Admin));
    }
}
