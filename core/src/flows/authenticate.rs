//! Says who is asking, and whether they may ask for this at all.

use std::sync::Arc;

use crate::identity::credentials::Credentials;
use crate::identity::{Principal, Scope};
use crate::ports::{Authenticator, PortError};

/// Tells from credentials who makes a request.
#[derive(Clone)]
pub struct Authenticate {
    authenticator: Arc<dyn Authenticator>,
}

/// Why a request goes no further.
#[derive(Debug, thiserror::Error)]
pub enum NotAuthenticated {
    /// Nobody is asking: the credentials are missing or not valid.
    #[error("no valid credentials")]
    Unknown,
    /// It is known who is asking, and they may not ask for this.
    #[error("the credentials do not allow this")]
    Forbidden,
    /// Who is asking cannot be told now. The credentials may be valid.
    #[error("credentials cannot be checked now")]
    CannotTell(#[source] PortError),
}

impl Authenticate {
    /// Builds the use case.
    pub fn new(authenticator: Arc<dyn Authenticator>) -> Self {
        Self { authenticator }
    }

    /// Who makes a request that needs `scope`.
    ///
    /// # Errors
    ///
    /// [`NotAuthenticated`]: without an answer nobody is let in, and nobody is told that their
    /// credentials are wrong.
    pub async fn run(
        &self,
        credentials: &Credentials,
        scope: Scope,
    ) -> Result<Principal, NotAuthenticated> {
        let found = self.authenticator.principal(credentials).await;
        let principal = found.map_err(NotAuthenticated::CannotTell)?;
        let principal = principal.ok_or(NotAuthenticated::Unknown)?;
        if principal.has(scope) { Ok(principal) } else { Err(NotAuthenticated::Forbidden) }
    }
}

crate::opaque_debug!(Authenticate);

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use async_trait::async_trait;
    use futures_util::FutureExt;

    use super::*;
    use crate::ids::TenantId;
    use crate::ports::PortResult;

    /// Knows the key `sk_ada`, and is away for every token.
    struct Known;

    #[async_trait]
    impl Authenticator for Known {
        async fn principal(&self, credentials: &Credentials) -> PortResult<Option<Principal>> {
            match credentials {
                Credentials::ApiKey(key) if key == "sk_ada" => Ok(Some(ada())),
                Credentials::ApiKey(_) | Credentials::None => Ok(None),
                Credentials::Token(_) => Err(PortError::Broken {
                    what: "keys of the issuer",
                    source: "no such host".into(),
                }),
            }
        }
    }

    fn ada() -> Principal {
        Principal {
            tenant: TenantId::new("acme").unwrap(),
            subject: "ada".into(),
            scopes: BTreeSet::from([Scope::Chat]),
        }
    }

    fn ask(credentials: &str, scope: Scope) -> Result<Principal, NotAuthenticated> {
        let authenticate = Authenticate::new(Arc::new(Known));
        let credentials = Credentials::bearer(credentials);
        authenticate.run(&credentials, scope).now_or_never().unwrap()
    }

    #[test]
    fn valid_credentials_are_their_principals_within_its_scopes() {
        assert_eq!(ask("sk_ada", Scope::Chat).unwrap(), ada());
        let refused = ask("sk_ada", Scope::Admin).unwrap_err();
        assert!(matches!(refused, NotAuthenticated::Forbidden), "{refused:?}");
    }

    #[test]
    fn missing_and_wrong_credentials_are_nobodys() {
        for credentials in ["", "sk_eve"] {
            let refused = ask(credentials, Scope::Chat).unwrap_err();
            assert!(matches!(refused, NotAuthenticated::Unknown), "{refused:?}");
        }
    }

    /// Also if trying again would not help: the one who asks is not to blame.
    #[test]
    fn who_cannot_be_told_now_is_not_turned_away_for_good() {
        let refused = ask("ey.x.y", Scope::Chat).unwrap_err();

        assert!(matches!(refused, NotAuthenticated::CannotTell(_)), "{refused:?}");
    }
}
