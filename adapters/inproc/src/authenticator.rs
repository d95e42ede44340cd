//! Who is asking, as a list.

use std::collections::BTreeMap;

use async_trait::async_trait;
use soma_core::identity::Principal;
use soma_core::identity::credentials::Credentials;
use soma_core::ports::{Authenticator, PortResult};

/// Knows whom it was told, and may take everyone else for one principal: for a gateway without login,
/// for tests and embedding.
#[derive(Clone, Debug, Default)]
pub struct InprocAuthenticator {
    known: BTreeMap<Credentials, Principal>,
    anyone: Option<Principal>,
}

impl InprocAuthenticator {
    /// Takes every request for one principal's, whatever it shows.
    pub fn anyone(principal: Principal) -> Self {
        Self { known: BTreeMap::new(), anyone: Some(principal) }
    }

    /// Knows these credentials, too.
    #[must_use]
    pub fn with(mut self, credentials: Credentials, principal: Principal) -> Self {
        self.known.insert(credentials, principal);
        self
    }
}

#[async_trait]
impl Authenticator for InprocAuthenticator {
    async fn principal(&self, credentials: &Credentials) -> PortResult<Option<Principal>> {
        Ok(self.known.get(credentials).or(self.anyone.as_ref()).cloned())
    }
}
