//! A server, as it is asked: its address, its key, and the client that is kept for it.

use std::net::IpAddr;

use reqwest::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};
use reqwest::{Client, Response, Url};
use soma_core::conversation::model::ModelFailure;
use soma_core::spans;

use super::request::Body;
use super::{BadModelConfig, OpenAiConfig, failure};
use crate::secret::Secret;

/// One server of language models, with the key that is its own.
pub(super) struct Server {
    client: Client,
    url: Url,
    pub(super) config: OpenAiConfig,
}

impl Server {
    pub(super) fn new(config: OpenAiConfig) -> Result<Self, BadModelConfig> {
        let url = completions(&config.base_url).ok_or(BadModelConfig::Url)?;
        let key = config.api_key.as_ref().map_or("", Secret::expose);
        HeaderValue::from_str(key).map_err(|_| BadModelConfig::Key)?;
        crate::install_tls();
        // Not asked for: a server that packs a stream holds it back. Some pack what nobody asked for.
        let plain = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("identity"))]);
        let client = Client::builder()
            .default_headers(plain)
            .gzip(true)
            .connect_timeout(config.connect)
            .redirect(reqwest::redirect::Policy::none());
        // A proxy does not know what this machine calls by its own name.
        let client = if is_loopback(&url) { client.no_proxy() } else { client };
        let client = client.build().map_err(BadModelConfig::Client)?;
        Ok(Self { client, url, config })
    }

    pub(super) async fn post(&self, body: &Body<'_>) -> Result<Response, ModelFailure> {
        let mut post = self.client.post(self.url.clone()).json(body);
        if let Some(key) = &self.config.api_key {
            post = post.bearer_auth(key.expose());
        }
        if let Some(trace) = spans::current() {
            post = trace.headers().fold(post, |post, (name, value)| post.header(name, value));
        }
        match tokio::time::timeout(self.config.first_byte, post.send()).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(failure::unreachable(error)),
            Err(_) => Err(ModelFailure::Timeout),
        }
    }

    /// The server, for people.
    pub(super) fn describe(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        match self.url.port() {
            Some(port) => format!("OpenAI-compatible server at {host}:{port}"),
            None => format!("OpenAI-compatible server at {host}"),
        }
    }
}

/// Whether both addresses are of the same server: a key of the one may be sent to the other.
pub(super) fn is_same_server(one: &str, other: &str) -> bool {
    match (completions(one), completions(other)) {
        (Some(one), Some(other)) => one.origin() == other.origin(),
        (Some(_) | None, _) => false,
    }
}

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
