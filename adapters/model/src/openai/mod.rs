//! Chat completions of any server that speaks OpenAI's protocol (OpenAPI description 2.3.0).

mod answer;
mod failure;
mod request;
mod stream;
mod wire;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use reqwest::{Client, Response, Url};
use soma_core::budget::Tokens;
use soma_core::conversation::model::ModelFailure;
use soma_core::ports::Model;
use soma_core::ports::model::{ModelRequest, ModelStream};

use crate::secret::Secret;
use crate::tokens::estimate;
use failure::Scrub;
use request::Dialect;

/// How a server is reached.
#[derive(Clone, Debug)]
pub struct OpenAiConfig {
    /// The server's address, with its `/v1`.
    pub base_url: String,
    /// The key, if it wants one.
    pub api_key: Option<Secret>,
    /// How long connecting may take.
    pub connect: Duration,
    /// How long the server may be silent before its first byte.
    pub first_byte: Duration,
    /// How long it may be silent after that.
    pub silence: Duration,
}

impl OpenAiConfig {
    /// The usual limits: 10 s to connect, 120 s to the first byte, 60 s of silence.
    pub fn new(base_url: impl Into<String>, api_key: Option<Secret>) -> Self {
        Self {
            base_url: base_url.into(),
            api_key,
            connect: Duration::from_secs(10),
            first_byte: Duration::from_mins(2),
            silence: Duration::from_mins(1),
        }
    }
}

/// Settings with which no model can be reached.
#[derive(Debug, thiserror::Error)]
pub enum BadModelConfig {
    /// The address is none.
    #[error("the base URL of the language model is not an http or https address")]
    Url,
    /// No client could be made.
    #[error("no HTTP client could be made")]
    Client(#[source] reqwest::Error),
}

/// A server of language models.
#[derive(Clone)]
pub struct OpenAiModel {
    client: Client,
    url: Url,
    config: OpenAiConfig,
    /// What the server was found to refuse.
    dialect: Arc<AtomicU8>,
}

impl OpenAiModel {
    /// A client of the server. [`install_tls`](crate::install_tls) must have been called.
    ///
    /// # Errors
    ///
    /// [`BadModelConfig`] if the settings cannot be used.
    pub fn new(config: OpenAiConfig) -> Result<Self, BadModelConfig> {
        let url = format!("{}/chat/completions", config.base_url.trim_end_matches('/'));
        let url = Url::parse(&url).map_err(|_| BadModelConfig::Url)?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(BadModelConfig::Url);
        }
        let client = Client::builder()
            .connect_timeout(config.connect)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(BadModelConfig::Client)?;
        Ok(Self { client, url, config, dialect: Arc::default() })
    }

    /// Sends the request; once more in another dialect if the server refuses a field by name.
    async fn send(&self, request: &ModelRequest) -> Result<Response, ModelFailure> {
        loop {
            let bits = self.dialect.load(Ordering::Relaxed);
            let response = self.post(&request::body(request, Dialect::of(bits))).await?;
            if response.status().is_success() {
                return Ok(response);
            }
            let scrub = Scrub(self.config.api_key.as_ref());
            let refused = failure::read(response, scrub, self.config.silence).await;
            match refused.adapted(Dialect::of(bits)) {
                Some(dialect) => self.dialect.fetch_or(dialect.bits(), Ordering::Relaxed),
                None => return Err(refused.failure),
            };
        }
    }

    async fn post(&self, body: &serde_json::Value) -> Result<Response, ModelFailure> {
        let mut post = self.client.post(self.url.clone()).json(body);
        if let Some(key) = &self.config.api_key {
            post = post.bearer_auth(key.expose());
        }
        match tokio::time::timeout(self.config.first_byte, post.send()).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(failure::unreachable(error)),
            Err(_) => Err(ModelFailure::Timeout),
        }
    }
}

#[async_trait]
impl Model for OpenAiModel {
    async fn generate(&self, request: ModelRequest) -> Result<ModelStream, ModelFailure> {
        let response = self.send(&request).await?;
        let key = self.config.api_key.clone();
        Ok(stream::events(response, key, self.config.silence, request.profile.model))
    }

    fn count(&self, text: &str) -> Tokens {
        estimate(text)
    }

    fn describe(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        match self.url.port() {
            Some(port) => format!("OpenAI-compatible server at {host}:{port}"),
            None => format!("OpenAI-compatible server at {host}"),
        }
    }
}

impl fmt::Debug for OpenAiModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenAiModel").field("server", &self.describe()).finish_non_exhaustive()
    }
}
