//! What the adapter is told.

use std::fmt;
use std::time::Duration;

use crate::dialect::Dialect;

/// Where SomaBrain is, and how it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SomaBrainConfig {
    /// Its address, such as `http://brain:9696`. What lies below the address's path is found out.
    pub base_url: String,
    /// The bearer token, if it wants one.
    pub api_key: Option<ApiKey>,
    /// The server's namespace of every memory: letters, digits, `.`, `_` and `-`.
    pub namespace: String,
    /// What the universe of each tenant begins with: letters, digits, `.`, `_` and `-`.
    pub universe: String,
    /// The server's tenant that all of the platform's tenants share, where a key is good for one only.
    /// Without it each is a tenant of the server's by the same name.
    pub tenant: Option<String>,
    /// The dialect, if it is not to be found out.
    pub dialect: Option<Dialect>,
    /// Whether a memory that shares no word with the query is answered because the server thinks it is
    /// alike. Its own default for likeness is chance, so this needs a server with real embeddings.
    pub alike: bool,
    /// How long a recall may take. The turn waits for two seconds.
    pub recall: Duration,
    /// How long remembering or forgetting may take. The queue waits for ten seconds.
    pub write: Duration,
    /// How long connecting may take.
    pub connect: Duration,
    /// After so many failed calls in a row the server is left alone. At least 1.
    pub failures: u32,
    /// For how long it is left alone; then one call tries whether it is back.
    pub pause: Duration,
}

impl SomaBrainConfig {
    /// The usual settings for the server at this address.
    pub fn new(base_url: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            api_key: None,
            namespace: "wm".into(),
            universe: "soma".into(),
            tenant: None,
            dialect: None,
            alike: false,
            recall: Duration::from_millis(1_500),
            write: Duration::from_secs(8),
            connect: Duration::from_secs(1),
            failures: 3,
            pause: Duration::from_secs(15),
        }
    }
}

/// The token that SomaBrain wants. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

impl ApiKey {
    /// Wraps a token.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The token itself, to be sent.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Why SomaBrain cannot be asked with these settings.
#[derive(Debug, thiserror::Error)]
pub enum BadSomaBrainConfig {
    /// The address is none, or more than one.
    #[error("the address is not a plain http or https URL")]
    Url,
    /// The token cannot stand in a header.
    #[error("the token has characters that cannot be sent")]
    Key,
    /// Namespace, universe or tenant has other characters than it may have, or none.
    #[error("{0} must be of letters, digits, '.', '_' and '-'")]
    Name(&'static str),
    /// The client cannot be made.
    #[error("no client for HTTP can be made")]
    Client(#[source] reqwest::Error),
}
