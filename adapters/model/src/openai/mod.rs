//! Chat completions of any server that speaks OpenAI's protocol (OpenAPI description 2.3.0).

mod answer;
mod failure;
mod request;
mod scrub;
mod stream;
mod wire;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::HeaderValue;
use reqwest::{Client, Response, Url};
use soma_core::budget::Tokens;
use soma_core::conversation::model::ModelFailure;
use soma_core::ports::Model;
use soma_core::ports::model::{ModelRequest, ModelStream};

use crate::secret::Secret;
use crate::tokens::estimate;
use request::Dialect;
use scrub::Scrub;
use soma_core::redact::without_credentials;

/// How a server is reached.
#[derive(Clone)]
pub struct OpenAiConfig {
    /// The server's address, with its `/v1`, without user and query.
    pub base_url: String,
    /// The key, if it wants one.
    pub api_key: Option<Secret>,
    /// How long connecting may take.
    pub connect: Duration,
    /// How long the server may be silent before the first byte of its answer.
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

impl fmt::Debug for OpenAiConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenAiConfig")
            .field("base_url", &without_credentials(&self.base_url))
            .field("api_key", &self.api_key)
            .field("connect", &self.connect)
            .field("first_byte", &self.first_byte)
            .field("silence", &self.silence)
            .finish()
    }
}

/// Settings with which no model can be reached.
#[derive(Debug, thiserror::Error)]
pub enum BadModelConfig {
    /// The address is none, or holds more than one.
    #[error(
        "the base URL of the language model is not an http or https address without user or query"
    )]
    Url,
    /// The key cannot be sent.
    #[error("the key of the language model has characters that no key has")]
    Key,
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
    /// A client of the server. Installs TLS if nobody has.
    ///
    /// # Errors
    ///
    /// [`BadModelConfig`] if the settings cannot be used.
    pub fn new(config: OpenAiConfig) -> Result<Self, BadModelConfig> {
        let url = completions(&config.base_url).ok_or(BadModelConfig::Url)?;
        let key = config.api_key.as_ref().map_or("", Secret::expose);
        HeaderValue::from_str(key).map_err(|_| BadModelConfig::Key)?;
        crate::install_tls();
        let client = Client::builder()
            .connect_timeout(config.connect)
            .redirect(reqwest::redirect::Policy::none());
        // A proxy does not know what this machine calls by its own name.
        let client = if is_loopback(&url) { client.no_proxy() } else { client };
        let client = client.build().map_err(BadModelConfig::Client)?;
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
        Ok(stream::events(response, &self.config, request.profile.model))
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

soma_core::opaque_debug!(OpenAiModel);

/// Where completions are asked for; none if the address is not one, or more than one.
fn completions(base_url: &str) -> Option<Url> {
    let mut url = Url::parse(base_url).ok()?;
    let plain = url.username().is_empty() && url.password().is_none();
    let plain = plain && url.query().is_none() && url.fragment().is_none();
    if !matches!(url.scheme(), "http" | "https") || !plain {
        return None;
    }
    url.path_segments_mut().ok()?.pop_if_empty().extend(["chat", "completions"]);
    Some(url)
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}
