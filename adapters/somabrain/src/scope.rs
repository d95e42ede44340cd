//! Where the memories of a tenant are on the server. The server's pools are shared, and neither its
//! coordinates nor all of its searches know tenants: universe and key do instead.

use soma_core::digest::Digest32;
use soma_core::ids::{SessionId, TenantId};

use crate::config::{BadSomaBrainConfig, SomaBrainConfig};

/// What is the same for all tenants.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    namespace: String,
    universe: String,
    tenant: Option<String>,
}

impl Places {
    pub(crate) fn new(config: &SomaBrainConfig) -> Result<Self, BadSomaBrainConfig> {
        let named = |name, text: &str| {
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
            let valid = !text.is_empty() && text.chars().all(plain);
            if valid { Ok(text.to_owned()) } else { Err(BadSomaBrainConfig::Name(name)) }
        };
        Ok(Self {
            namespace: named("the namespace", &config.namespace)?,
            universe: named("the universe", &config.universe)?,
            tenant: config.tenant.as_deref().map(|text| named("the tenant", text)).transpose()?,
        })
    }

    /// The place of a tenant.
    pub(crate) fn of(&self, tenant: &TenantId) -> Scope {
        let Self { namespace, universe, tenant: shared } = self;
        Scope {
            // Neither of the three parts can have a slash.
            universe: format!("{universe}/{namespace}/{tenant}"),
            namespace: namespace.clone(),
            server_tenant: shared.clone().unwrap_or_else(|| tenant.to_string()),
            tenant: tenant.clone(),
        }
    }
}

/// The place of one tenant.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    /// Whose memories.
    pub(crate) tenant: TenantId,
    /// The tenant that the server is told.
    pub(crate) server_tenant: String,
    /// The namespace that the server is told.
    pub(crate) namespace: String,
    /// A universe that no other tenant has.
    pub(crate) universe: String,
}

impl Scope {
    /// The server's key of a memory: no other tenant's, in no universe.
    pub(crate) fn key(&self, key: &str) -> String {
        format!("{}/{key}", self.universe)
    }

    /// The word that every memory of the tenant has.
    pub(crate) fn mark(&self) -> String {
        mark('t', &self.universe)
    }

    /// The word that every memory of a session has.
    pub(crate) fn session_mark(&self, session: SessionId) -> String {
        mark('s', &self.key(&session.to_string()))
    }

    /// The word that memories that are sent together have.
    pub(crate) fn batch_mark<'a>(&self, records: impl Iterator<Item = &'a str>) -> String {
        let digests = records.map(|record| Digest32::of(record.as_bytes()).to_string());
        mark('b', &self.key(&digests.collect::<String>()))
    }
}

/// One word, to tokenizers of every kind, that nobody says.
fn mark(kind: char, of: &str) -> String {
    let digest = Digest32::of(of.as_bytes()).to_string();
    format!("soma{kind}{}", digest.get(..20).unwrap_or_default())
}
