//! A client as naive as can be: it posts, follows, clears on a restart, appends deltas, and comes
//! back with its last id. And the checks of what it saw.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use soma_core::conversation::chain::{Chain, Link};
use soma_core::conversation::event::{Event, EventType};
use soma_model::sse::Parser;

/// A text of so many bytes that takes as much room on a disk: nothing in it comes twice.
pub(crate) fn incompressible(length: usize) -> String {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut letter = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'a' + u8::try_from((state >> 40) % 26).unwrap_or_default())
    };
    (0..length).map(|place| if place % 9 == 8 { ' ' } else { letter() }).collect()
}

/// HTTP on loopback.
pub(crate) fn http() -> reqwest::Client {
    soma_model::install_tls();
    reqwest::Client::builder().timeout(Duration::from_mins(2)).build().unwrap()
}

/// Posts a message; the answer as it comes.
pub(crate) async fn post(
    http: &reqwest::Client,
    url: &str,
    body: &Value,
    key: Option<&str>,
) -> reqwest::Result<Response> {
    let mut request = http.post(format!("{url}/v1/session/message")).json(body);
    if let Some(key) = key {
        request = request.header("Idempotency-Key", key);
    }
    request.send().await
}

/// Posts a message that must be accepted, and returns its session.
pub(crate) async fn say(http: &reqwest::Client, url: &str, message: &str) -> String {
    let response = post(http, url, &json!({"message": message}), None).await.unwrap();
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    let receipt: Value = response.json().await.unwrap();
    receipt["session_id"].as_str().unwrap().to_owned()
}

/// What a client of one session has seen.
#[derive(Debug, Default)]
pub(crate) struct Follower {
    pub(crate) session: String,
    position: String,
    text: String,
    last_seq: u64,
    /// The assembled text and the one that the terminal event states, by turn.
    pub(crate) answers: BTreeMap<String, (String, String)>,
}

impl Follower {
    pub(crate) fn new(session: impl Into<String>) -> Self {
        Self { session: session.into(), position: "0".into(), ..Self::default() }
    }

    /// Follows until the stream ends by itself, or breaks. Returns whether it ended by itself.
    pub(crate) async fn follow(&mut self, http: &reqwest::Client, url: &str) -> bool {
        let url = format!("{url}/v1/session/{}/events?until=final", self.session);
        let request = http.get(url).header("Last-Event-ID", &self.position);
        let Ok(response) = request.send().await else { return false };
        match response.status() {
            StatusCode::NO_CONTENT => return true,
            // Of a proxy whose gateway is away.
            StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE => return false,
            _ => {}
        }
        assert_eq!(response.status(), StatusCode::OK);
        let mut parser = Parser::new();
        let mut body = response.bytes_stream();
        while let Some(bytes) = body.next().await {
            let Ok(bytes) = bytes else { return false };
            for message in parser.push(&bytes).unwrap() {
                let event = message.event.unwrap_or_default();
                self.take(&event, &serde_json::from_str(&message.data).unwrap());
                self.position = message.id.unwrap_or_else(|| self.position.clone());
            }
        }
        true
    }

    fn take(&mut self, event: &str, data: &Value) {
        if let Some(seq) = data["seq"].as_u64() {
            assert_eq!(seq, self.last_seq + 1, "a gap or a repeat");
            self.last_seq = seq;
        }
        match event {
            "assistant.restarted" => self.text.clear(),
            "assistant.delta" => {
                let offset = data["offset"].as_u64().unwrap();
                assert_eq!(offset, self.text.len() as u64, "a gap or a repeat");
                self.text.push_str(data["delta"].as_str().unwrap());
            }
            "assistant.final" | "turn.failed" => {
                let turn = data["turn_id"].as_str().unwrap().to_owned();
                let said = match event {
                    "assistant.final" => &data["message"],
                    _ => &data["metadata"]["text"],
                };
                let answer = (std::mem::take(&mut self.text), said.as_str().unwrap().to_owned());
                assert!(self.answers.insert(turn, answer).is_none(), "two terminal events");
            }
            _ => {}
        }
    }
}

/// Every event of a session, and the proof that none is missing, doubled or altered.
pub(crate) async fn verified(http: &reqwest::Client, url: &str, session: &str) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    let mut chain = Chain::new(session.parse().unwrap());
    loop {
        let after = chain.count.0;
        let url = format!("{url}/v1/sessions/{session}/events?after={after}&limit=500");
        let page: Value = http.get(url).send().await.unwrap().json().await.unwrap();
        let page: Vec<Event> = serde_json::from_value(page["events"].clone()).unwrap();
        if page.is_empty() {
            break;
        }
        for event in page {
            if event.kind.is_terminal() {
                assert_eq!(event.metadata["chain"], json!(chain), "the chain before the end");
            }
            chain.verify(&Link::of(&event), event.hash).unwrap();
            events.push(event);
        }
    }
    let turns = |kind: fn(EventType) -> bool| {
        let of_kind = events.iter().filter(move |event| kind(event.kind));
        of_kind.map(|event| event.turn_id.unwrap()).collect::<Vec<_>>()
    };
    let accepted = turns(|kind| kind == EventType::UserMessage);
    assert_eq!(turns(EventType::is_terminal), accepted, "one terminal event each, in order");
    events
}
