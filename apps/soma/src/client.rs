//! A client of the gateway: sends a message, and follows its answer through broken connections.

use std::fmt::Write as _;
use std::io;
use std::time::Duration;

use reqwest::header::RETRY_AFTER;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use soma_model::sse::Message;
use soma_runtime::report::{Fatal, chain};

use crate::trouble::Trouble;
use crate::watch::Watch;

/// How long to wait before following again.
const RETRY: Duration = Duration::from_millis(500);
/// How often in a row following may fail before it is given up.
const TRIES: u32 = 60;

/// What is told while an answer comes.
pub(crate) enum Told {
    /// More of the answer.
    Text(String),
    /// What was told of the answer is void.
    Restarted,
    /// A tool is asked for, or ended.
    Tool(String),
    /// The answer is complete.
    Final,
    /// There is no answer, and why.
    Failed(String),
}

/// A client with one session.
pub(crate) struct Client {
    http: reqwest::Client,
    url: String,
    session: Option<String>,
    /// The last stream position that was seen.
    position: String,
}

impl Client {
    /// A client of the gateway at `url`; it goes on with `session`, or opens one.
    pub(crate) fn new(url: &str, session: Option<String>) -> Result<Self, Fatal> {
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .build()
            .map_err(|error| Fatal::new(error, ""))?;
        Ok(Self { http, url: url.trim_end_matches('/').into(), session, position: "0".into() })
    }

    /// Another client of the same gateway, without a session; they share connections.
    pub(crate) fn another(&self) -> Self {
        let (http, url) = (self.http.clone(), self.url.clone());
        Self { http, url, session: None, position: "0".into() }
    }

    /// The session, once there is one.
    pub(crate) fn session(&self) -> Option<&str> {
        self.session.as_deref()
    }

    /// Sends a message. Returns the turn that will answer it.
    pub(crate) async fn send(&mut self, message: &str) -> Result<String, Trouble> {
        if self.position == "0"
            && let Some(session) = &self.session
        {
            self.position = self.head(session).await?;
        }
        let body = json!({"session_id": self.session, "message": message});
        let request = self.http.post(format!("{}/v1/session/message", self.url)).json(&body);
        let answer = self.ask(request).await?;
        let text = |name| answer.get(name).and_then(Value::as_str).map(str::to_owned);
        self.session = text("session_id");
        Ok(text("turn_id").unwrap_or_default())
    }

    /// Tells the answer to the last message, to its end.
    pub(crate) async fn follow(
        &mut self,
        mut tell: impl FnMut(Told) -> io::Result<()>,
    ) -> Result<(), Trouble> {
        let mut failures = 0;
        loop {
            let before = self.position.clone();
            match self.follow_once(&mut tell).await {
                Ok(true) => return Ok(()),
                Err(trouble @ (Trouble::Output(_) | Trouble::Refused { passes: false, .. })) => {
                    return Err(trouble);
                }
                Err(trouble) if failures >= TRIES => return Err(trouble),
                Ok(false) | Err(_) => {
                    failures = if self.position == before { failures + 1 } else { 0 };
                    #[expect(clippy::disallowed_methods, reason = "a client waits by itself")]
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }

    /// Follows until the answer ends, or the connection. Returns whether the answer ended.
    async fn follow_once(
        &mut self,
        tell: &mut impl FnMut(Told) -> io::Result<()>,
    ) -> Result<bool, Trouble> {
        // Without a stream, everything was seen.
        let Some(mut watch) = self.watch("?until=final").await? else { return Ok(true) };
        while let Some(message) = watch.next().await? {
            if self.take(&message, tell)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Opens the session's stream after the last position that was seen; none if there is nothing to wait
    /// for.
    pub(crate) async fn watch(&self, query: &str) -> Result<Option<Watch>, Trouble> {
        let session = self.session.as_deref().unwrap_or_default();
        let url = format!("{}/v1/session/{session}/events{query}", self.url);
        let request = self.http.get(url).header("Last-Event-ID", &self.position);
        let response = request.send().await.map_err(|error| unreachable(&self.url, &error))?;
        match response.status() {
            StatusCode::OK => Ok(Some(Watch::of(response))),
            StatusCode::NO_CONTENT => Ok(None),
            _ => Err(problem(response).await),
        }
    }

    fn take(
        &mut self,
        message: &Message,
        tell: &mut impl FnMut(Told) -> io::Result<()>,
    ) -> io::Result<bool> {
        if let Some(id) = &message.id {
            self.position.clone_from(id);
        }
        let data: Value = serde_json::from_str(&message.data).unwrap_or_default();
        let text = |pointer: &str| {
            data.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        match message.event.as_deref().unwrap_or_default() {
            "assistant.delta" => tell(Told::Text(text("/delta")))?,
            "assistant.restarted" => tell(Told::Restarted)?,
            "tool.requested" => {
                let (name, arguments) = (text("/metadata/tool_name"), text("/metadata/arguments"));
                tell(Told::Tool(format!("{name} {arguments}")))?;
            }
            "tool.result" => {
                let (name, status) = (text("/metadata/tool_name"), text("/metadata/status"));
                tell(Told::Tool(format!("{name}: {status}: {}", text("/message"))))?;
            }
            "assistant.final" => {
                tell(Told::Final)?;
                return Ok(true);
            }
            "session.deleted" => {
                tell(Told::Failed("the session was deleted".into()))?;
                return Ok(true);
            }
            "turn.failed" => {
                tell(Told::Failed(text("/message")))?;
                return Ok(true);
            }
            _ => {}
        }
        Ok(false)
    }

    /// Cancels the running turn.
    pub(crate) async fn cancel(&self) -> Result<(), Trouble> {
        let session = self.session.as_deref().unwrap_or_default();
        let request = self.http.post(format!("{}/v1/sessions/{session}/cancel", self.url));
        let response = request.send().await.map_err(|error| unreachable(&self.url, &error))?;
        if response.status().is_success() { Ok(()) } else { Err(problem(response).await) }
    }

    /// Asks for something else than a conversation. What has no answer is null.
    pub(crate) async fn operate(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Trouble> {
        let request = self.http.request(method, format!("{}{path}", self.url));
        let request = if let Some(body) = body { request.json(body) } else { request };
        let response = request.send().await.map_err(|error| unreachable(&self.url, &error))?;
        match response.status() {
            StatusCode::NO_CONTENT => Ok(Value::Null),
            status if status.is_success() => {
                response.json().await.map_err(|error| unreachable(&self.url, &error))
            }
            _ => Err(problem(response).await),
        }
    }

    /// The end of a session's stream.
    async fn head(&self, session: &str) -> Result<String, Trouble> {
        let answer = self.ask(self.http.get(format!("{}/v1/sessions/{session}", self.url))).await?;
        let count = answer.pointer("/chain/count").and_then(Value::as_u64).unwrap_or_default();
        Ok(count.to_string())
    }

    async fn ask(&self, request: reqwest::RequestBuilder) -> Result<Value, Trouble> {
        let response = request.send().await.map_err(|error| unreachable(&self.url, &error))?;
        if !response.status().is_success() {
            return Err(problem(response).await);
        }
        response.json().await.map_err(|error| unreachable(&self.url, &error))
    }
}

fn unreachable(url: &str, error: &reqwest::Error) -> Trouble {
    let text = format!("cannot reach {url}: {}", chain(error));
    let advice = "start it with `soma up`, or name another with --url";
    Trouble::Unreachable(Fatal::new(text, advice))
}

/// What a problem document says, with what is wrong about each field.
async fn problem(response: reqwest::Response) -> Trouble {
    let status = response.status();
    let pause = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let advice = pause.map(|seconds| format!("try again in {seconds} s")).unwrap_or_default();
    let document: Value = response.json().await.unwrap_or_default();
    let detail = document.get("detail").or_else(|| document.get("title")).and_then(Value::as_str);
    let mut text = format!("refused ({status}): {}", detail.unwrap_or("no reason given"));
    for error in document.get("errors").and_then(Value::as_array).into_iter().flatten() {
        let part = |name| error.get(name).and_then(Value::as_str).unwrap_or_default();
        let _ = write!(text, "\n  {}: {}", part("field"), part("problem"));
    }
    let passes = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
    Trouble::Refused { why: Fatal::new(text, advice), passes }
}
