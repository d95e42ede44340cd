//! A text that is never shown.

use std::fmt;

/// A secret: it has no revealing `Debug` and no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself, to be sent where it belongs.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// `text` without the secret, should it be in it. What is as short as a word is no secret, and would
    /// be found in other people's words.
    pub(crate) fn scrub(&self, text: &str) -> String {
        const SHORTEST: usize = 8;
        if self.0.len() < SHORTEST { text.to_owned() } else { text.replace(&self.0, "***") }
    }
}

/// A secret, and the server that it was stored for: it is sent to no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSecret {
    /// The server's address, with its `/v1`.
    pub base_url: String,
    /// The secret.
    pub secret: Secret,
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
