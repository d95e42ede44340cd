//! The script for whole systems: it answers as the markers in the person's message say.

use serde_json::{Value, json};

use super::asked::Asked;
use super::markers::{Fault, Markers, Then};
use super::reply::Reply;

/// Answers as the markers in the person's last message say.
pub fn by_markers(asked: &Asked) -> Reply {
    let markers = Markers::of(asked.message());
    let armed = markers.times.is_none_or(|times| asked.attempt <= times);
    let (spoken, then) = match markers.fault.as_ref().filter(|_| armed) {
        Some(Fault::Mute) => return Reply::mute(),
        Some(Fault::Refuse { status, retry_after }) => {
            return refusal(*status, retry_after.as_deref());
        }
        Some(Fault::After(spoken, then)) => (*spoken, Some(*then)),
        None => (usize::MAX, None),
    };
    let results = asked.tool_results();
    let tools = if results.is_empty() { markers.tools.as_slice() } else { &[] };
    let text = if !results.is_empty() {
        sentence(&format!("the tool said {}", results.join(" and ")), markers.words)
    } else if tools.is_empty() {
        sentence(&markers.rest, markers.words)
    } else {
        String::new()
    };
    if markers.whole || !asked.wants_stream() {
        return whole(asked, &text, tools);
    }
    let reply = opening(&markers, &text, spoken);
    match then {
        Some(Then::Cut) => reply.cut(),
        Some(Then::Silence) => reply.silence(),
        Some(Then::End) => reply,
        Some(Then::Error) => reply.data(&error("failed, as the message asked").to_string()),
        None => ending(reply, asked, &markers, &text, tools),
    }
}

/// The answer to a message in which no tool is asked for: the message without its markers, then
/// `w1`, `w2` and so on.
pub fn answer_to(message: &str) -> String {
    let markers = Markers::of(message);
    sentence(&markers.rest, markers.words)
}

fn sentence(begin: &str, words: usize) -> String {
    let begin = begin.split_whitespace().map(str::to_owned);
    begin.chain((1..=words).map(|n| format!("w{n}"))).collect::<Vec<_>>().join(" ")
}

fn refusal(status: u16, retry_after: Option<&str>) -> Reply {
    let reply = Reply::whole(status, error("refused, as the message asked"));
    match retry_after {
        Some(wait) => reply.header("retry-after", wait),
        None => reply,
    }
}

fn error(message: &str) -> Value {
    json!({"error": {"message": message, "type": "stub_error", "param": null, "code": null}})
}

/// The words up to where something is to happen.
fn opening(markers: &Markers, text: &str, spoken: usize) -> Reply {
    let reply = if markers.bytewise { Reply::stream().bytewise() } else { Reply::stream() };
    let mut reply = reply.delta(json!({"role": "assistant", "content": ""})).wait(markers.slow);
    for (place, word) in text.split_inclusive(' ').take(spoken).enumerate() {
        reply = if place == 0 { reply } else { reply.wait(markers.pace) };
        reply = reply.text(word);
    }
    reply
}

/// All that an answer writes: what is asked of tools counts, too.
fn written(text: &str, tools: &[(String, String)]) -> String {
    let tools = tools.iter().map(|(name, arguments)| format!(" {name} {arguments}"));
    std::iter::once(text.to_owned()).chain(tools).collect()
}

fn ending(
    mut reply: Reply,
    asked: &Asked,
    markers: &Markers,
    text: &str,
    tools: &[(String, String)],
) -> Reply {
    for (index, (name, arguments)) in tools.iter().enumerate() {
        reply = reply.call(index, name, arguments);
    }
    let mut reply = reply.finish(reason(tools));
    if asked.wants_usage() && markers.tells_usage {
        reply = reply.usage(asked.usage(&written(text, tools)));
    }
    reply.done()
}

fn whole(asked: &Asked, text: &str, tools: &[(String, String)]) -> Reply {
    let calls = tools.iter().enumerate().map(|(index, (name, arguments))| {
        let function = json!({"name": name, "arguments": arguments});
        json!({"id": format!("call_stub_{index}"), "type": "function", "function": function})
    });
    let message = if tools.is_empty() {
        json!({"role": "assistant", "content": text})
    } else {
        json!({"role": "assistant", "content": null, "tool_calls": calls.collect::<Vec<_>>()})
    };
    let usage = asked.usage(&written(text, tools));
    Reply::whole(
        200,
        json!({
            "id": "chatcmpl-stub",
            "object": "chat.completion",
            "created": 0,
            "model": asked.model(),
            "choices": [{"index": 0, "message": message, "finish_reason": reason(tools)}],
            "usage": {
                "prompt_tokens": usage.prompt_tokens,
                "completion_tokens": usage.completion_tokens,
                "total_tokens": usage.total(),
            },
        }),
    )
}

fn reason(tools: &[(String, String)]) -> &'static str {
    if tools.is_empty() { "stop" } else { "tool_calls" }
}
