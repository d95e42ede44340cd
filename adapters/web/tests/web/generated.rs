//! Requests that are almost right, made from right ones: none is the gateway's fault.

use serde_json::json;
use soma_core::ports::Ids;
use soma_inproc::CountingIds;

use crate::app::App;
use crate::client::Answer;

/// Draws numbers: the same in every run.
struct Dice(CountingIds);

impl Dice {
    fn below(&self, limit: usize) -> usize {
        usize::try_from(self.0.random() % limit as u64).unwrap()
    }

    fn one_of<'a, T>(&self, things: &'a [T]) -> &'a T {
        &things[self.below(things.len())]
    }

    /// Changes a few places of a text.
    fn mangle(&self, text: &str, with: &[&[u8]]) -> Vec<u8> {
        let mut bytes = text.as_bytes().to_vec();
        for _ in 0..=self.below(3) {
            let start = self.below(bytes.len() + 1);
            let end = (start + self.below(4)).min(bytes.len());
            bytes.splice(start..end, self.one_of(with).iter().copied());
        }
        bytes
    }
}

const JSON_PARTS: &[&[u8]] = &[
    b"",
    b"\"",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"null",
    b"true",
    b"-1",
    b"1e999",
    b"\\u0000",
    b"\\ud800",
    b"\\",
    b"\0",
    b"\xff",
    b"\xc3",
    b"\n",
    b"message",
    b"9999999999999999999999",
];
const TARGET_PARTS: &[&[u8]] = &[
    b"",
    b"/",
    b"%",
    b"%00",
    b"%ff",
    b"..",
    b"?",
    b"&",
    b"=",
    b"#",
    b"-1",
    b"x",
    b"final",
    b"18446744073709551615",
    b"9223372036854775808",
    b"1.1.1",
    b"~",
];

fn is_answered_for(answer: &Answer, what: &[u8]) {
    let what = String::from_utf8_lossy(what);
    assert!(answer.head.status < 500, "{what}: {}", answer.body);
    // What is no HTTP is refused before it reaches a route.
    if answer.head.status >= 400 && !answer.body.is_empty() {
        let (_, kind, _) = answer.problem();
        assert!(!kind.is_empty(), "{what}");
    }
}

#[tokio::test]
async fn mangled_body_is_refused_or_accepted_and_nothing_else() {
    let app = App::start();
    let dice = Dice(CountingIds::seeded(7));
    let message = json!({
        "message": "hi", "persona_id": "ada", "attachments": ["a", "b"],
        "metadata": {"a": {"b": [1, 2.5, null]}}, "when_busy": "enqueue",
    });
    let tool = json!({
        "session_id": app.said().await.session_id, "tool_name": "echo", "args": {"text": "hi"},
    });

    let requests = [("/v1/session/message", message), ("/v1/tool/request", tool)];
    let mut accepted = 1;
    for _ in 0..600 {
        let (target, body) = dice.one_of(&requests);
        let body = dice.mangle(&body.to_string(), JSON_PARTS);
        let request = app.request("POST", target).header("Content-Type", "application/json");
        let answer = request.bytes(body.clone()).send().await;
        is_answered_for(&answer, &body);
        accepted += usize::from(answer.head.status == 202 && *target == "/v1/session/message");
    }

    let page = app.get("/v1/sessions?limit=200").await.json();
    assert!(accepted > 1, "no request was right in spite of all");
    assert_eq!(page["items"].as_array().unwrap().len(), accepted.min(200));
}

#[tokio::test]
async fn mangled_address_is_refused_or_answered() {
    let app = App::start();
    let dice = Dice(CountingIds::seeded(8));
    let turn = app.said().await;
    app.finished(&turn, "hi").await;
    let session = turn.session_id;
    let targets = [
        format!("/v1/session/{session}/events?until=final&after=1"),
        format!("/v1/session/{session}/events?last_event_id=1.1.1&stream=cumulative&until=final"),
        format!("/v1/sessions/{session}/events?after=1&limit=5"),
        format!("/v1/sessions/{session}/history"),
        format!("/v1/sessions?limit=5&after=1~{session}"),
    ];

    for _ in 0..600 {
        let target: &String = dice.one_of(&targets);
        let target = dice.mangle(target, TARGET_PARTS);
        let text = String::from_utf8(target.clone()).unwrap();
        let method = dice.one_of(&["GET", "DELETE", "POST", "HEAD", "OPTIONS", "PATCH"]);
        let opened = app.request(method, &text).header("Connection", "close").open().await;
        assert!(opened.head.status < 500, "{method} {text}: {}", opened.head.status);
        // A stream that was made endless is not read to its end.
        if !opened.is_chunked() && *method != "HEAD" {
            is_answered_for(&opened.read().await, &target);
        }
    }
}
