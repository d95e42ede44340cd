//! Texts, and what is thought before them.

use serde_json::{Value, json};
use soma_tests::stub_model::Reply;

use crate::endings::{ends, says};
use crate::row::Row;

fn delta(delta: &Value) -> Value {
    json!({"choices": [{"index": 0, "delta": delta}]})
}

/// A stream of deltas, and a reason for its end.
fn deltas(name: &'static str, all: &[Value]) -> Row {
    let chunks: Vec<Value> = all.iter().map(delta).chain([ends("stop")]).collect();
    Row::stream(name, &chunks)
}

/// A stream of chunks as they stand here, of which the texts are in `content`.
fn raw(name: &'static str, contents: &[&[u8]]) -> Row {
    let reply = contents.iter().fold(Reply::stream(), |reply, content| {
        reply
            .raw(b"data: {\"choices\": [{\"index\": 0, \"delta\": {\"content\": \"")
            .raw(content)
            .raw(b"\"}}]}\n\n")
    });
    Row::new(name, reply.finish("stop").done())
}

pub(crate) fn rows() -> Vec<Row> {
    let parts = |parts: Value| json!({"content": parts});
    let text = |text: &str| json!({"type": "text", "text": text});
    vec![
        deltas("list of parts", &[parts(json!([text("h"), text("i")]))]),
        deltas("part without a type", &[parts(json!([{"text": "hi"}]))]),
        deltas("parts that are texts", &[parts(json!(["h", "i"]))]),
        deltas("part that is thought", &[parts(json!([
            {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, text("hi"),
        ]))])
        .thinks("hm"),
        deltas("null, missing and other kinds", &[
            parts(json!(null)), json!({}), json!({"content": 7}), json!({"content": {}}),
            json!({"content": "hi"}),
        ]),
        deltas("refusal", &[json!({"content": null, "refusal": "hi"})]),
        deltas("role first", &[json!({"role": "assistant", "content": ""}), json!({"content": "hi"})]),
        deltas("thought in reasoning_content", &[
            json!({"reasoning_content": "h"}), json!({"reasoning_content": "m", "content": null}),
            json!({"reasoning_content": null, "content": "hi"}),
        ])
        .thinks("hm"),
        deltas("thought in reasoning", &[json!({"reasoning": "hm"}), json!({"content": "hi"})])
            .thinks("hm"),
        deltas("thought told twice", &[
            json!({"reasoning": "hm", "reasoning_content": "hm"}), json!({"content": "hi"}),
        ])
        .thinks("hm"),
        deltas("thought between tags", &[json!({"content": "<think>hm</think>\n\nhi"})]).thinks("hm"),
        deltas("tags in pieces", &[
            json!({"content": "<th"}), json!({"content": "ink>h"}), json!({"content": "m</"}),
            json!({"content": "think>"}), json!({"content": "\n"}), json!({"content": "hi"}),
        ])
        .thinks("hm"),
        deltas("tag that never ends", &[json!({"content": "<think>hm"})]).thinks("hm").says(""),
        deltas("tag within an answer", &[json!({"content": "say <think> twice"})])
            .says("say <think> twice"),
        raw("halves of a pair in two chunks", &[br"a\ud83d", br"\ude00b"]).says("a😀b"),
        raw("halves in two chunks, with an empty one between", &[br"\ud83d", b"", br"\ude00"])
            .says("😀"),
        raw("first half alone", &[br"a\ud83d", b"b"]).says("a\u{fffd}b"),
        raw("second half alone", &[br"a\ude00b"]).says("a\u{fffd}b"),
        raw("half at the end", &[br"hi\ud83d"]).says("hi\u{fffd}"),
        raw("whole pair", &[br"\ud83d\ude00"]).says("😀"),
        raw("control characters", &[b"h\x01\ti"]).says("h\u{1}\ti"),
        raw("escaped control characters", &[br"h\u0001\ti"]).says("h\u{1}\ti"),
        raw("bytes that are no UTF-8", &[b"h\xffi"]).says("h\u{fffd}i"),
        raw("escape that is none", &[br"it\'s"]).says("it's"),
        raw("letter cut between reads", &["né".as_bytes()]).says("né"),
        Row::new("NaN beside the text", Reply::stream()
            .raw(b"data: {\"choices\": [{\"index\": 0, \"logprobs\": NaN, \"delta\": {\"content\": \"hi\"}}]}\n\n")
            .finish("stop").done()),
        Row::new("number beyond all bounds", Reply::stream()
            .raw(b"data: {\"created\": 1e999, \"choices\": [{\"index\": 0, \"delta\": {\"content\": \"hi\"}}]}\n\n")
            .finish("stop").done()),
        Row::new("a key twice", Reply::stream()
            .raw(b"data: {\"id\": 1, \"id\": 2, \"choices\": [{\"index\": 0, \"delta\": {\"content\": \"hi\"}}]}\n\n")
            .finish("stop").done()),
        Row::stream("choice without an index", &[
            json!({"choices": [{"delta": {"content": "hi"}}]}), ends("stop"),
        ]),
        Row::stream("another choice beside it", &[
            json!({"choices": [{"index": 1, "delta": {"content": "no"}}, {"index": 0, "delta": {"content": "hi"}}]}),
            ends("stop"),
        ]),
        Row::stream("choices that are null", &[json!({"choices": null}), says("hi"), ends("stop")]),
        Row::stream("choice that is null", &[json!({"choices": [null]}), says("hi"), ends("stop")]),
        Row::stream("delta that is null", &[
            json!({"choices": [{"index": 0, "delta": null}]}), says("hi"), ends("stop"),
        ]),
        Row::stream("fields that nobody knows", &[
            json!({"obfuscation": "xx", "nvext": {}, "choices": [{"index": 0, "delta": {"content": "hi", "audio": {}}, "stop_reason": 7}]}),
            ends("stop"),
        ]),
        Row::stream("older completions", &[
            json!({"choices": [{"index": 0, "text": "hi", "finish_reason": "stop"}]}),
        ]),
        Row::stream("space only", &[says(" "), ends("stop")]).says(" "),
        Row::stream("nothing said", &[says(""), ends("stop")]).says(""),
    ]
}
