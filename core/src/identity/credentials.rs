//! What a request shows of who makes it.

use std::fmt;

/// How API keys begin: `sk_<id>_<secret>`.
const API_KEY: &str = "sk_";

/// What a request shows of who makes it, unread: it says nothing until it was looked up. Its `Debug`
/// reveals nothing.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Credentials {
    /// Nothing.
    None,
    /// A token that says for whom it speaks, and is signed.
    Token(String),
    /// A key whose owner is known to whoever issued it.
    ApiKey(String),
}

impl Credentials {
    /// What follows `Bearer`: an API key by how it begins, or else a token.
    pub fn bearer(text: &str) -> Self {
        match text.trim() {
            "" => Self::None,
            key if key.starts_with(API_KEY) => Self::ApiKey(key.into()),
            token => Self::Token(token.into()),
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Token(_) => "Token(***)",
            Self::ApiKey(_) => "ApiKey(***)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_tokens_are_told_apart_and_never_shown() {
        let key = Credentials::bearer("sk_ab_secret");
        let token = Credentials::bearer(" ey.secret.x ");

        assert_eq!(key, Credentials::ApiKey("sk_ab_secret".into()));
        assert_eq!(token, Credentials::Token("ey.secret.x".into()));
        assert_eq!(Credentials::bearer(" "), Credentials::None);
        assert!(!format!("{key:?} {token:?}").contains("secret"));
    }
}
