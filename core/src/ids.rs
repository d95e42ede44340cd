//! Identifiers, one type per kind, so that one cannot be passed for another.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// A text that is not an identifier of the named kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a {kind}")]
pub struct ParseIdError {
    /// The kind of identifier that was expected.
    pub kind: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID that an [`Ids`](crate::ports::Ids) or a store produced.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID itself.
            pub const fn as_uuid(&self) -> &Uuid {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self).map_err(|_| ParseIdError { kind: stringify!($name) })
            }
        }
    };
}

id!(/** One conversation between a person and a persona. */ SessionId);
id!(/** One user message and everything done to answer it. */ TurnId);
id!(/** One durable event of a session. */ EventId);
id!(/** One call of a tool, asked for by a model or by a client. */ CallId);
id!(/** One running instance of a service: it owns leases and claims. */ OwnerId);

impl EventId {
    /// The id of the event that `what` names within `turn`: the same however often it is made.
    pub fn derived(turn: TurnId, what: &str) -> Self {
        Self(derive(*turn.as_uuid(), what))
    }
}

impl CallId {
    /// The id of the `index`-th tool call of `round` in `turn`: stable across crashes.
    pub fn derived(turn: TurnId, round: u32, index: usize) -> Self {
        Self(derive(*turn.as_uuid(), &format!("call/{round}/{index}")))
    }
}

/// Makes a UUID of version 8 (RFC 9562) from stable data only: the 48 time bits of `parent`, so that ids of a
/// turn sort beside it, then bits of `SHA-256(parent ‖ what)`.
pub fn derive(parent: Uuid, what: &str) -> Uuid {
    let digest = Sha256::new().chain_update(parent.as_bytes()).chain_update(what).finalize();
    let mut bytes = [0_u8; 16];
    bytes.copy_from_slice(&digest[..16]);
    bytes[..6].copy_from_slice(&parent.as_bytes()[..6]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks and wraps a name: 1 to 64 of `A-Z a-z 0-9 . _ - @`.
            ///
            /// # Errors
            ///
            /// [`ParseIdError`] if the text is empty, too long or has another character.
            pub fn new(text: impl Into<String>) -> Result<Self, ParseIdError> {
                let text = text.into();
                let fits = (1..=64).contains(&text.len())
                    && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-@".contains(&b));
                if fits { Ok(Self(text)) } else { Err(ParseIdError { kind: stringify!($name) }) }
            }

            /// The name's text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = ParseIdError;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::new(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    };
}

name!(/** A customer of the platform: nothing crosses from one tenant to another. */ TenantId);
name!(/** The character an answer is given in; budgets may be set per persona. */ PersonaId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derived_ids_are_stable_and_differ_by_what_they_name() {
        let turn = TurnId::from_uuid(Uuid::from_u128(7));

        assert_eq!(EventId::derived(turn, "final"), EventId::derived(turn, "final"));
        assert_ne!(EventId::derived(turn, "final"), EventId::derived(turn, "started"));
        assert_ne!(CallId::derived(turn, 1, 0), CallId::derived(turn, 0, 1));
        assert_eq!(EventId::derived(turn, "final").as_uuid().get_version_num(), 8);
    }

    #[test]
    fn names_refuse_what_could_confuse_a_key() {
        assert!(TenantId::new("acme-1.eu").is_ok());
        for bad in ["", "a b", "a/b", "a:b", "ä", "x\0", &"a".repeat(65)] {
            assert!(TenantId::new(bad).is_err(), "{bad:?}");
        }
    }
}
