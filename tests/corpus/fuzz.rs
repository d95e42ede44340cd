//! Answers of the tables, damaged by chance: cut into other pieces, with pieces lost, repeated, swapped,
//! cut off or taken from another answer, and bytes altered. Whatever came of it, the next request of its
//! session is one that a strict server takes.
//!
//! `CORPUS_CASES` sets how many are played, `CORPUS_SEED` which of them is the first.

use futures_util::stream;
use serde_json::{Map, Value};
use soma_core::contract::model::request;
use soma_core::conversation::model::{ChatMessage, ModelToolCall};
use soma_model::OpenAiConfig;
use soma_model::openai::{BrokenOff, read_answer, request_body};
use soma_simulated::Chance;

use crate::row::{End, Row, Seen, look};
use crate::tables;

/// How many cases are played if nobody says.
const CASES: u64 = 20_000;
/// Longer answers are not damaged: they say nothing that shorter ones do not.
const LONGEST: usize = 16 * 1024;

/// An answer of the tables.
struct Original {
    row: Row,
    pieces: Vec<Vec<u8>>,
    /// What it comes to if nothing happens to it.
    whole: Seen,
    /// Whether it says more behind the reason for its end: cut there, it is taken for whole.
    goes_on: bool,
}

/// What became of an answer.
struct Damaged {
    body: Vec<u8>,
    /// Whether nothing was done to it but to cut it off.
    is_beginning: bool,
}

#[tokio::test(start_paused = true)]
async fn damaged_answer_ends_once_and_is_shown_whole_only_if_it_says_so() {
    let (cases, first) =
        (number("CORPUS_CASES").unwrap_or(CASES), number("CORPUS_SEED").unwrap_or(0));
    let originals = originals().await;
    let mut whole = 0_u64;
    for seed in first..first.saturating_add(cases) {
        let mut chance = Chance::new(seed);
        let original = &originals[chance.index(originals.len())];
        let damaged = damage(original, &originals, &mut chance);
        let breaks = chance.one_in(2);

        let (seen, asks) = read(&original.row, cut(&damaged.body, &mut chance), breaks).await;

        let case = || {
            let body = String::from_utf8_lossy(&damaged.body);
            format!("CORPUS_SEED={seed}, of {:?}:\n{body}\n{seen:?}", original.row.name)
        };
        assert!(seen.end.is_some(), "no end: {}", case());
        if let Some(End::Finished(_)) = seen.end {
            whole += 1;
            assert!(says_its_end(&damaged.body), "shown as whole: {}", case());
            let is_finished = matches!(original.whole.end, Some(End::Finished(_)));
            if damaged.is_beginning && is_finished && !original.goes_on {
                let is_all =
                    (&seen.text, &seen.calls) == (&original.whole.text, &original.whole.calls);
                assert!(is_all, "a part is shown as whole: {}", case());
            }
        }
        if let Some(wrong) = refused(&next_request(&seen, &asks)) {
            panic!("the session cannot go on: {wrong}: {}", case());
        }
        if damaged.is_beginning {
            let is_prefix = original.whole.text.starts_with(seen.text.trim_end_matches('\u{fffd}'));
            assert!(is_prefix, "a text that was not said: {}", case());
        }
    }
    assert!(whole > cases / 20 && whole < cases, "{whole} of {cases} came to an end");
}

#[expect(clippy::disallowed_methods, reason = "it sets the extent of a test, and nothing else")]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

async fn originals() -> Vec<Original> {
    let mut originals = Vec::new();
    for row in tables().into_iter().flatten().filter(|row| row.sent.is_success()) {
        let pieces = row.sent.pieces("stub");
        let length: usize = pieces.iter().map(Vec::len).sum();
        if (1..=LONGEST).contains(&length) {
            let (whole, _) = read(&row, pieces.clone(), false).await;
            let reason =
                pieces.iter().position(|piece| has_reason(&String::from_utf8_lossy(piece)));
            let until = reason.map_or(pieces.len(), |reason| reason + 1);
            let (begun, _) = read(&row, pieces[..until].to_vec(), false).await;
            let goes_on = (&begun.text, &begun.calls) != (&whole.text, &whole.calls);
            originals.push(Original { row, pieces, whole, goes_on });
        }
    }
    originals
}

async fn read(row: &Row, pieces: Vec<Vec<u8>>, breaks: bool) -> (Seen, Vec<ModelToolCall>) {
    let end = breaks.then_some(Err(BrokenOff));
    let body = stream::iter(pieces.into_iter().map(Ok).chain(end));
    let config = OpenAiConfig::new("http://127.0.0.1/v1", None);
    look(row, read_answer(body, &config, "stub")).await
}

/// What the session's next turn asks: the answer is shown, its calls with their results, and what a
/// person says then.
fn next_request(seen: &Seen, asks: &[ModelToolCall]) -> Value {
    let mut request = request("hello");
    let said = ChatMessage::Assistant { content: seen.text.clone(), tool_calls: asks.to_vec() };
    request.messages.push(said);
    let result = |call: &ModelToolCall| ChatMessage::Tool {
        tool_call_id: call.id.clone(),
        content: "no".into(),
    };
    request.messages.extend(asks.iter().map(result));
    if !asks.is_empty() {
        request.messages.push(ChatMessage::Assistant { content: "So.".into(), tool_calls: vec![] });
    }
    request.messages.push(ChatMessage::User { content: "and now?".into() });
    request_body(&request).unwrap()
}

/// Why a strict server refuses a request.
fn refused(body: &Value) -> Option<String> {
    let (mut before, mut open) = (String::new(), Vec::new());
    for message in body["messages"].as_array().unwrap() {
        let role = message["role"].as_str().unwrap().to_owned();
        let fits = match role.as_str() {
            "tool" => {
                let id = &message["tool_call_id"];
                let place = open.iter().position(|open| open == id);
                place.map(|place| open.remove(place)).is_some()
            }
            "user" => open.is_empty() && before != "user",
            _ => open.is_empty() && before != "assistant",
        };
        if !fits {
            return Some(format!("{role} after {before}"));
        }
        for call in message["tool_calls"].as_array().into_iter().flatten() {
            let text = |pointer: &str| call.pointer(pointer).and_then(Value::as_str).unwrap_or("");
            let (id, name) = (text("/id"), text("/function/name"));
            let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
            let is_object = serde_json::from_str::<Map<String, Value>>(text("/function/arguments"));
            if id.is_empty() || open.contains(&call["id"]) || is_object.is_err() {
                return Some(format!("call {call}"));
            }
            if !(1..=64).contains(&name.len()) || !name.chars().all(is_name) {
                return Some(format!("name {name:?}"));
            }
            open.push(call["id"].clone());
        }
        before = role;
    }
    (!open.is_empty()).then(|| "a call without its result".into())
}

fn damage(original: &Original, others: &[Original], chance: &mut Chance) -> Damaged {
    let mut pieces = original.pieces.clone();
    if chance.one_in(3) {
        let mut body = pieces.concat();
        body.truncate(chance.index(body.len() + 1));
        return Damaged { body, is_beginning: true };
    }
    for _ in 0..=chance.below(3) {
        let (one, other) = (chance.index(pieces.len()), chance.index(pieces.len()));
        match chance.below(6) {
            0 if pieces.len() > 1 => drop(pieces.remove(one)),
            1 => pieces.insert(other, pieces[one].clone()),
            2 => pieces.swap(one, other),
            3 => {
                let cut = chance.index(pieces[one].len() + 1);
                pieces[one].truncate(cut);
            }
            4 => {
                let from = &chance.pick(others).pieces;
                pieces.insert(one, chance.pick(from).clone());
            }
            _ => {
                let byte = chance.index(pieces[one].len());
                if let Some(byte) = pieces[one].get_mut(byte) {
                    *byte = u8::try_from(chance.below(256)).unwrap_or_default();
                }
            }
        }
    }
    Damaged { body: pieces.concat(), is_beginning: false }
}

/// A body in pieces as a network makes them.
fn cut(body: &[u8], chance: &mut Chance) -> Vec<Vec<u8>> {
    let mut pieces = Vec::new();
    let mut rest = body;
    while !rest.is_empty() {
        let most = if chance.one_in(4) { 3 } else { 200 };
        let (piece, after) = rest.split_at(rest.len().min(1 + chance.index(most)));
        pieces.push(piece.to_vec());
        rest = after;
    }
    pieces
}

/// Whether a body says that, or why, its answer ends: it has the sign of the end of a stream, a reason,
/// or is a document that was closed.
fn says_its_end(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    text.contains("[DONE]")
        || has_reason(&text)
        || is_closed_document(text.trim_start_matches('\u{feff}').trim())
}

/// Whether there is a reason for an end that is not empty.
fn has_reason(text: &str) -> bool {
    text.match_indices("finish_reason").any(|(place, name)| {
        let after = text[place + name.len()..].trim_start_matches(['"', ' ']);
        let value = after.strip_prefix(':').map(str::trim_start).unwrap_or_default();
        value.starts_with('"') && !value.starts_with("\"\"")
    })
}

/// Whether every brace and bracket of a document is closed.
fn is_closed_document(text: &str) -> bool {
    let (mut depth, mut quoted, mut escaped) = (0_i32, false, false);
    for letter in text.chars() {
        match letter {
            _ if std::mem::take(&mut escaped) => {}
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '{' | '[' if !quoted => depth += 1,
            '}' | ']' if !quoted => depth -= 1,
            _ => {}
        }
    }
    text.starts_with(['{', '[']) && depth == 0 && !quoted
}
