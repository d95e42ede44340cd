//! The port, on a policy engine that is a server of its own: OPA, asked over REST.

mod answer;

use std::time::Duration;

use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt, stream};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Client, Url, redirect};
use serde_json::{Value, json};
use soma_core::policy::{Decision, PolicyRequest};
use soma_core::ports::{Policy, PortResult};

use crate::reasons::or_what_was_denied;

use answer::Answer;

/// How many requests of one batch are asked at the same time.
const AT_ONCE: usize = 16;

/// Where an OPA server is, and how it is asked.
#[derive(Clone)]
pub struct OpaConfig {
    /// Its address: `http://localhost:8181`. What follows in its path comes before `/v1`.
    pub base_url: String,
    /// The package of the rules `allow` and `reasons`; names separated by dots.
    pub package: String,
    /// The bearer token that it wants, if it wants one.
    pub token: Option<String>,
    /// How long one answer may take, the connection included. A batch takes as long as the slowest of
    /// sixteen, as often as there are sixteen in it.
    pub timeout: Duration,
}

impl OpaConfig {
    /// A server at `base_url` with the package `soma`, which wants no token and answers within 200 ms.
    pub fn at(base_url: impl Into<String>) -> Self {
        let (package, timeout) = ("soma".into(), Duration::from_millis(200));
        Self { base_url: base_url.into(), package, token: None, timeout }
    }
}

soma_core::opaque_debug!(OpaConfig);

/// Why a server cannot be asked at all.
#[derive(Debug, thiserror::Error)]
pub enum BadOpaConfig {
    /// Its address is none, or has more than scheme, host, port and path.
    #[error("not an address of a policy engine")]
    Url,
    /// Its token cannot be sent.
    #[error("the token of the policy engine has characters that cannot be sent")]
    Token,
    /// There can be no client of HTTP.
    #[error("no client for the policy engine")]
    Client(#[source] reqwest::Error),
}

/// A policy in Rego on an OPA server: the rules `allow` and `reasons` of a package, as
/// [`RegoPolicy`](crate::RegoPolicy) has it in process.
///
/// What is not `true` is denied, undefined included. A server that cannot be reached, does not answer in
/// time, redirects, or answers what it should not is an error: there is no decision, and the caller denies.
#[derive(Clone)]
pub struct OpaPolicy {
    client: Client,
    /// The document of its package.
    package: Url,
}

soma_core::opaque_debug!(OpaPolicy);

impl OpaPolicy {
    /// The server that `config` names. It is not asked anything yet, so it may be away.
    ///
    /// # Errors
    ///
    /// [`BadOpaConfig`] if it can never be asked.
    pub fn new(config: &OpaConfig) -> Result<Self, BadOpaConfig> {
        let package = package(config).ok_or(BadOpaConfig::Url)?;
        // TLS needs a provider. An error says that there is one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // It stands beside us: no proxy is asked on the way.
        let client = Client::builder()
            .default_headers(headers(config.token.as_deref())?)
            .timeout(config.timeout)
            .redirect(redirect::Policy::none())
            .no_proxy();
        let client = client.build().map_err(BadOpaConfig::Client)?;
        Ok(Self { client, package })
    }

    /// Whether the server answers, and has the package.
    ///
    /// # Errors
    ///
    /// What is wrong with it: every request is denied meanwhile.
    pub async fn check(&self) -> PortResult<()> {
        let asked = self.client.get(self.package.clone()).send();
        let answer = Answer::read(asked.await.map_err(answer::unreachable)?).await?;
        match answer.result {
            Some(_) => Ok(()),
            None => Err(answer::broken("it has no rules of the package".into())),
        }
    }

    async fn decide_one(&self, request: &PolicyRequest) -> PortResult<Decision> {
        let Answer { result, bundle } = self.rule("allow", request).await?;
        // Anything but `true`, undefined included, is a denial.
        if result == Some(Value::Bool(true)) {
            return Ok(Decision::new(request, true, Vec::new()).by(bundle));
        }
        let reasons = self.rule("reasons", request).await?.result.unwrap_or_default();
        let reasons = or_what_was_denied(texts(&reasons), request);
        Ok(Decision::new(request, false, reasons).by(bundle))
    }

    /// What a rule of the package comes to.
    async fn rule(&self, name: &str, request: &PolicyRequest) -> PortResult<Answer> {
        let asked = self.client.post(self.url(name)).json(&json!({ "input": request })).send();
        Answer::read(asked.await.map_err(answer::unreachable)?).await
    }

    fn url(&self, rule: &str) -> Url {
        let mut url = self.package.clone();
        // It has a host, so it has segments.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.push(rule);
        }
        url.set_query(Some("provenance=true"));
        url
    }
}

#[async_trait]
impl Policy for OpaPolicy {
    async fn decide(&self, requests: &[PolicyRequest]) -> PortResult<Vec<Decision>> {
        let asked: Vec<_> = requests.iter().map(|request| self.decide_one(request)).collect();
        stream::iter(asked).buffered(AT_ONCE).try_collect().await
    }
}

/// The address of a package's document; none if the base is no address, or more than one.
fn package(config: &OpaConfig) -> Option<Url> {
    let mut url = Url::parse(&config.base_url).ok()?;
    let plain = url.username().is_empty() && url.password().is_none();
    let plain = plain && url.query().is_none() && url.fragment().is_none();
    if !matches!(url.scheme(), "http" | "https") || !plain {
        return None;
    }
    let package = config.package.split('.');
    url.path_segments_mut().ok()?.pop_if_empty().extend(["v1", "data"]).extend(package);
    Some(url)
}

/// The texts of an array, as which OPA gives sets too, or the text itself.
fn texts(reasons: &Value) -> impl Iterator<Item = String> {
    let values = reasons.as_array().map_or(std::slice::from_ref(reasons), Vec::as_slice);
    values.iter().filter_map(Value::as_str).map(str::to_owned)
}

fn headers(token: Option<&str>) -> Result<HeaderMap, BadOpaConfig> {
    let mut headers = HeaderMap::new();
    if let Some(token) = token {
        let value = HeaderValue::from_str(&format!("Bearer {token}"));
        let mut value = value.map_err(|_| BadOpaConfig::Token)?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    Ok(headers)
}
