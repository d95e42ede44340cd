//! Requests to the server, and answers as they may be believed.

use std::net::IpAddr;
use std::sync::Arc;

use futures_util::StreamExt;
use reqwest::header::HeaderValue;
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use serde_json::Value;
use soma_core::ports::Clock;

use crate::config::{ApiKey, BadSomaBrainConfig, SomaBrainConfig};
use crate::failure::{Failure, Kind};
use crate::retry_after;
use crate::scope::Scope;

/// The most of an answer that is read, in bytes.
const LONGEST_ANSWER: usize = 64 << 20;

/// The server, as it is asked.
pub(crate) struct Server {
    client: Client,
    base: Url,
    key: Option<ApiKey>,
    clock: Arc<dyn Clock>,
}

impl Server {
    pub(crate) fn new(
        config: &SomaBrainConfig,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, BadSomaBrainConfig> {
        let base = base(&config.base_url).ok_or(BadSomaBrainConfig::Url)?;
        let key = config.api_key.clone();
        HeaderValue::from_str(key.as_ref().map_or("", ApiKey::expose))
            .map_err(|_| BadSomaBrainConfig::Key)?;
        // An error says that there is a provider already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .connect_timeout(config.connect)
            .redirect(reqwest::redirect::Policy::none());
        // A proxy does not know what this machine calls by its own name.
        let client = if is_loopback(&base) { client.no_proxy() } else { client };
        let client = client.build().map_err(BadSomaBrainConfig::Client)?;
        Ok(Self { client, base, key, clock })
    }

    /// Posts a body for a tenant. Returns the answer; nothing if the server says that it has that
    /// already.
    pub(crate) async fn post(
        &self,
        path: &str,
        scope: &Scope,
        body: &Value,
    ) -> Result<Value, Failure> {
        let request = self.client.post(self.url(path)).json(body);
        let request = request.header("x-tenant-id", &scope.server_tenant);
        self.send(request.header("x-namespace", &scope.namespace)).await
    }

    /// Asks for a document.
    pub(crate) async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.send(self.client.get(self.url(path))).await
    }

    async fn send(&self, request: RequestBuilder) -> Result<Value, Failure> {
        let request = match &self.key {
            Some(key) => request.bearer_auth(key.expose()),
            None => request,
        };
        let response = request.send().await.map_err(Failure::of_sending)?;
        let status = response.status();
        let wait = retry_after::read(response.headers(), self.clock.now());
        let body = whole(response).await;
        if status == StatusCode::CONFLICT {
            return Ok(Value::Null);
        }
        if !status.is_success() {
            return Err(Failure::answered(status, &body.unwrap_or_default(), wait));
        }
        let answer: Value = serde_json::from_slice(&body?)
            .map_err(|error| Failure::new(Kind::Lost, format!("its answer is no JSON: {error}")))?;
        let failed = answer.get("error").is_some_and(|error| !error.is_null());
        if failed || answer["ok"] == false {
            return Err(Failure::inside(&answer));
        }
        Ok(answer)
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        let below = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{below}{path}"));
        url
    }
}

/// Takes a field out of what may be anything; null if there is none.
pub(crate) fn take(value: &mut Value, field: &str) -> Value {
    value.get_mut(field).map(Value::take).unwrap_or_default()
}

/// The server's address; none if the text is not one, or more than one.
fn base(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let plain = url.username().is_empty() && url.password().is_none();
    let plain = plain && url.query().is_none() && url.fragment().is_none();
    (matches!(url.scheme(), "http" | "https") && plain).then_some(url)
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// The whole body, if it is not too much.
async fn whole(response: Response) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    let mut stream = response.bytes_stream();
    while let Some(bytes) = stream.next().await {
        let bytes = bytes.map_err(Failure::of_sending)?;
        if body.len() + bytes.len() > LONGEST_ANSWER {
            return Err(Failure::new(Kind::Lost, "its answer is too long"));
        }
        body.extend_from_slice(&bytes);
    }
    Ok(body)
}
