//! How keys are named.

use std::fmt::Write as _;

use soma_core::budget::Account;
use soma_core::budget::window::BudgetWindow;
use soma_core::ids::{SessionId, TenantId};

/// The key of a session's metadata.
pub(crate) fn session(prefix: &str, session: SessionId) -> String {
    format!("{prefix}session:{session}:meta")
}

/// The key of a counter of tokens. No persona has an empty name: that is the tenant's own account.
pub(crate) fn budget(prefix: &str, account: &Account, window: BudgetWindow) -> String {
    let persona = account.persona_id.as_ref().map_or("", |persona| persona.as_str());
    format!("{prefix}budget:{}:{persona}:{window}", account.tenant)
}

/// The key of a counter of requests, in a window that `window` names.
pub(crate) fn rate(prefix: &str, tenant: &TenantId, key: &str, window: &str) -> String {
    format!("{prefix}ratelimit:{tenant}:{}:{window}", escaped(key))
}

/// The channel that notifications are published on.
pub(crate) fn wake(prefix: &str) -> String {
    format!("{prefix}wake")
}

/// A text that cannot be taken for more than one part of a key: whatever is no letter, digit or one
/// of `._-@` is percent-encoded (RFC 3986, 2.1).
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"._-@".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use soma_core::ids::PersonaId;
    use uuid::Uuid;

    use super::*;

    fn acme() -> TenantId {
        TenantId::new("acme").unwrap()
    }

    #[test]
    fn keys_are_named_as_operators_know_them() {
        let persona_id = Some(PersonaId::new("ada").unwrap());
        let account = Account { tenant: acme(), persona_id };
        let id = SessionId::from_uuid(Uuid::nil());

        assert_eq!(budget("", &account, BudgetWindow(0)), "budget:acme:ada:1970-01-01");
        assert_eq!(session("", id), format!("session:{}:meta", Uuid::nil()));
        assert_eq!(rate("", &acme(), "message", "7"), "ratelimit:acme:message:7");
        assert_eq!(wake("soma:"), "soma:wake");
    }

    #[test]
    fn text_of_others_stays_one_part_of_a_key() {
        assert_eq!(rate("", &acme(), "a:b}%\0", "7"), "ratelimit:acme:a%3Ab%7D%25%00:7");
    }
}
