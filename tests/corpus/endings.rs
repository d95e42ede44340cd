//! How an answer ends.

use serde_json::{Value, json};
use soma_core::conversation::model::FinishReason::{ContentFilter, Length, Stop};
use soma_tests::stub_model::Reply;

use crate::row::{Row, stream};

pub(crate) fn says(text: &str) -> Value {
    json!({"choices": [{"index": 0, "delta": {"content": text}}]})
}

pub(crate) fn ends(reason: &str) -> Value {
    json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
}

fn with_reason(text: &str, reason: &Value) -> Value {
    json!({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": reason}]})
}

fn whole(choice: &Value) -> Reply {
    Reply::whole(200, json!({"object": "chat.completion", "choices": [choice]}))
}

pub(crate) fn rows() -> Vec<Row> {
    let empty = json!("");
    let hi = json!({"role": "assistant", "content": "hi"});
    vec![
        Row::stream("plain", &[says("hi"), ends("stop")]),
        Row::stream("reason with the last text", &[says("h"), with_reason("i", &json!("stop"))]),
        Row::stream(
            "empty reasons and a real one",
            &[with_reason("h", &empty), with_reason("i", &empty), ends("length")],
        )
        .ends(Length),
        Row::stream("only an end, no reason", &[says("hi")]).ends(Stop),
        Row::new("empty reasons, then cut", stream(&[with_reason("hi", &empty)]).cut())
            .fails_after("hi", "broken", ""),
        Row::new("empty reasons, then the end of the body", stream(&[with_reason("hi", &empty)]))
            .fails_after("hi", "broken", ""),
        Row::new("cut before its reason", stream(&[says("hi")]).cut())
            .fails_after("hi", "broken", ""),
        Row::new("cut behind its reason", stream(&[says("hi"), ends("stop")]).cut()),
        Row::new("silence behind its reason", stream(&[says("hi"), ends("stop")]).silence()),
        Row::new(
            "comments for ever behind its reason",
            (0..40).fold(stream(&[says("hi"), ends("stop")]), |reply, _| {
                reply.raw(b": wait\n\n").wait(std::time::Duration::from_millis(250))
            }),
        ),
        Row::new("no end behind its reason", stream(&[says("hi"), ends("stop")])),
        Row::stream("reason `error`", &[says("hi"), ends("error")]).fails_after(
            "hi",
            "unavailable",
            "failed",
        ),
        Row::stream("reason `max_tokens`", &[says("hi"), ends("max_tokens")]).ends(Length),
        Row::stream("reason `model_length`", &[says("hi"), ends("model_length")]).ends(Length),
        Row::stream("reason `eos_token`", &[says("hi"), ends("eos_token")]),
        Row::stream("reason `end_turn`", &[says("hi"), ends("end_turn")]),
        Row::stream("reason `COMPLETE`", &[says("hi"), ends("COMPLETE")]),
        Row::stream("reason `content_filter`", &[says("hi"), ends("content_filter")])
            .ends(ContentFilter),
        Row::stream("reason with spaces", &[says("hi"), ends(" length ")]).ends(Length),
        Row::stream(
            "reason that is a number",
            &[says("hi"), with_reason("", &json!(1)), ends("stop")],
        ),
        Row::stream("reason `tool_calls` without calls", &[says("hi"), ends("tool_calls")])
            .ends(soma_core::conversation::model::FinishReason::ToolCalls),
        Row::stream("text behind the reason", &[ends("stop"), says("hi")]),
        Row::stream("two reasons", &[says("hi"), ends("stop"), ends("length")]).ends(Length),
        Row::new("whole", whole(&json!({"index": 0, "message": hi, "finish_reason": "stop"}))),
        Row::new("whole without a reason", whole(&json!({"message": hi}))),
        Row::new("whole with an empty reason", whole(&json!({"message": hi, "finish_reason": ""}))),
        Row::new(
            "whole, cut off by its limit",
            whole(&json!({"message": hi, "finish_reason": "length"})),
        )
        .ends(Length),
        Row::new("whole without a choice", Reply::whole(200, json!({"choices": []})))
            .fails("broken", ""),
        Row::new("whole and empty object", Reply::whole(200, json!({}))).fails("broken", ""),
        Row::new("whole and half a document", Reply::whole(200, json!({})).raw(b"x"))
            .fails("broken", ""),
        Row::stream(
            "whole message at the end of its stream",
            &[
                says("h"),
                says("i"),
                json!({"choices": [{"index": 0, "message": hi, "finish_reason": "stop"}]}),
            ],
        ),
        Row::stream(
            "message in the place of every delta",
            &[
                json!({"choices": [{"message": {"content": "h"}}]}),
                json!({"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}]}),
            ],
        ),
        Row::stream("nothing at all", &[]).says(""),
        Row::new("body without a byte", Reply::stream()).fails("broken", ""),
        Row::new("only comments", Reply::stream().raw(b": hello\n\n: bye\n\n")).fails("broken", ""),
    ]
}
