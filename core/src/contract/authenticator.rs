//! The suite of [`Authenticator`]. Whom it knows is the adapter's: its fixture names credentials that are
//! valid, and some that are not.
#![expect(missing_docs, reason = "the name of a case is its sentence")]

use std::sync::Arc;

use super::{Fixture, at_once};
use crate::identity::Principal;
use crate::identity::credentials::Credentials;
use crate::ports::Authenticator;

super::suite! { authenticator:
    valid_credentials_are_their_principals,
    credentials_that_are_not_valid_are_nobodys,
    answers_at_the_same_time_are_not_mixed_up,
    error_is_no_answer_and_tells_no_secret,
}

/// What the suite tests: who knows, and whom.
pub struct AuthenticatorUnderTest {
    /// Who knows.
    pub authenticator: Arc<dyn Authenticator>,
    /// Credentials that are valid, with their principals.
    pub valid: Vec<(Credentials, Principal)>,
    /// Credentials that are not: unknown, expired, altered. None only if everyone is let in: then there
    /// is nothing to test about that.
    pub invalid: Vec<Credentials>,
    /// The same, while what it asks cannot be reached; none if it asks nobody.
    pub away: Option<Arc<dyn Authenticator>>,
}

crate::opaque_debug!(AuthenticatorUnderTest);

pub async fn valid_credentials_are_their_principals(
    fixture: impl Fixture<Port = AuthenticatorUnderTest>,
) {
    let AuthenticatorUnderTest { authenticator, valid, .. } = fixture.open().await;

    for (credentials, principal) in valid {
        let found = authenticator.principal(&credentials).await.unwrap();

        assert_eq!(found, Some(principal), "{credentials:?}");
    }
}

pub async fn credentials_that_are_not_valid_are_nobodys(
    fixture: impl Fixture<Port = AuthenticatorUnderTest>,
) {
    let AuthenticatorUnderTest { authenticator, invalid, .. } = fixture.open().await;

    for credentials in invalid {
        let found = authenticator.principal(&credentials).await.unwrap();

        assert_eq!(found, None, "{credentials:?}");
    }
}

pub async fn answers_at_the_same_time_are_not_mixed_up(
    fixture: impl Fixture<Port = AuthenticatorUnderTest>,
) {
    let AuthenticatorUnderTest { authenticator, valid, invalid, .. } = fixture.open().await;
    let valid = valid.into_iter().map(|(credentials, principal)| (credentials, Some(principal)));
    let all: Vec<_> = valid.chain(invalid.into_iter().map(|wrong| (wrong, None))).collect();
    let many: Vec<_> = all.iter().cycle().take(64).collect();

    let asked = many.iter().map(|(shown, _)| authenticator.principal(shown));
    let found = at_once(&fixture, asked).await;

    for ((credentials, expected), found) in many.into_iter().zip(found) {
        assert_eq!(found.unwrap(), *expected, "{credentials:?}");
    }
}

pub async fn error_is_no_answer_and_tells_no_secret(
    fixture: impl Fixture<Port = AuthenticatorUnderTest>,
) {
    let AuthenticatorUnderTest { valid, away, .. } = fixture.open().await;
    let Some(away) = away else { return };

    for (credentials, _) in valid {
        let error = away.principal(&credentials).await.unwrap_err();

        let (Credentials::Token(secret) | Credentials::ApiKey(secret)) = &credentials else {
            continue;
        };
        assert!(
            !format!("{error} {error:?}").contains(secret.as_str()),
            "it tells {credentials:?}"
        );
    }
}
