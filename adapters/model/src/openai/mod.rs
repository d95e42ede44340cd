//! Chat completions of any server that speaks OpenAI's protocol (OpenAPI description 2.3.0).

mod answer;
mod calls;
mod failure;
mod json;
mod request;
mod scrub;
mod server;
mod servers;
mod stream;
mod think;
mod wire;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::Stream;
use reqwest::Response;
use soma_core::budget::Tokens;
use soma_core::conversation::model::ModelFailure;
use soma_core::ports::Model;
use soma_core::ports::model::{ModelRequest, ModelStream};

use crate::secret::{Secret, StoredSecret};
use crate::tokens::estimate;
use answer::Asked;
use request::Dialect;
use scrub::Scrub;
use server::Server;
use servers::Servers;
use soma_core::redact::without_credentials;
pub use stream::BrokenOff;

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

/// What a request says to a server that was never asked before and of which only is known what the
/// request's profile declares: the body, as JSON.
///
/// # Errors
///
/// None that a request can cause: it has text keys and finite numbers.
pub fn request_body(request: &ModelRequest) -> serde_json::Result<serde_json::Value> {
    serde_json::to_value(request::body(request, Dialect::declared(request.profile.abilities)))
}

/// The events of an answer whose bytes came in another way than by [`OpenAiModel`]: recorded, or made up
/// for a test. `model` is who answers if the body does not say. Within a Tokio runtime.
pub fn read_answer<S>(body: S, config: &OpenAiConfig, model: &str) -> ModelStream
where
    S: Stream<Item = Result<Vec<u8>, BrokenOff>> + Send + 'static,
{
    let asked = Asked { request: String::new(), model: model.to_owned() };
    stream::read_body(body, config, asked)
}

/// Models of the server that is configured, and of those that profiles name.
#[derive(Clone)]
pub struct OpenAiModel {
    servers: Arc<Servers>,
}

impl OpenAiModel {
    /// A client of the server. Installs TLS if nobody has.
    ///
    /// # Errors
    ///
    /// [`BadModelConfig`] if the settings cannot be used.
    pub fn new(config: OpenAiConfig) -> Result<Self, BadModelConfig> {
        Self::with_secrets(config, BTreeMap::new())
    }

    /// A client of the server, and of others that profiles name with a stored secret. Installs TLS if
    /// nobody has.
    ///
    /// # Errors
    ///
    /// [`BadModelConfig`] if the settings cannot be used.
    pub fn with_secrets(
        config: OpenAiConfig,
        secrets: BTreeMap<String, StoredSecret>,
    ) -> Result<Self, BadModelConfig> {
        Ok(Self { servers: Arc::new(Servers::new(config, secrets)?) })
    }

    /// Sends the request; once more in another dialect if the server refuses a part of it by name.
    async fn send(
        &self,
        server: &Server,
        request: &ModelRequest,
    ) -> Result<Response, ModelFailure> {
        loop {
            let dialect = self.servers.dialect(&request.profile);
            let response = server.post(&request::body(request, dialect)).await?;
            if response.status().is_success() {
                return Ok(response);
            }
            let scrub = Scrub(server.config.api_key.as_ref());
            let refused = failure::read(response, scrub, server.config.silence).await;
            match refused.adapted(dialect, request) {
                Some(dialect) => self.servers.learn(&request.profile, dialect),
                None => return Err(refused.failure),
            }
        }
    }
}

#[async_trait]
impl Model for OpenAiModel {
    async fn generate(&self, request: ModelRequest) -> Result<ModelStream, ModelFailure> {
        let server = self.servers.of(&request.profile)?;
        let response = self.send(&server, &request).await?;
        let asked = Asked {
            request: format!("{}/{}", request.turn_id, request.messages.len()),
            model: request.profile.model,
        };
        Ok(stream::events(response, &server.config, asked))
    }

    fn count(&self, text: &str) -> Tokens {
        estimate(text)
    }

    fn describe(&self) -> String {
        self.servers.home().describe()
    }
}

soma_core::opaque_debug!(OpenAiModel);
