//! Calls of tools.

use serde_json::{Value, json};
use soma_tests::stub_model::Reply;

use crate::endings::ends;
use crate::row::Row;

/// A stream in which each chunk has these calls.
fn chunks(name: &'static str, chunks: &[Value]) -> Row {
    let chunk = |calls: &Value| json!({"choices": [{"index": 0, "delta": {"tool_calls": calls}}]});
    let all: Vec<Value> = chunks.iter().map(chunk).chain([ends("tool_calls")]).collect();
    Row::stream(name, &all)
}

fn call(name: &str, arguments: &str) -> Value {
    json!({"type": "function", "function": {"name": name, "arguments": arguments}})
}

fn with(mut call: Value, fields: &Value) -> Value {
    for (name, value) in fields.as_object().into_iter().flatten() {
        call[name] = value.clone();
    }
    call
}

pub(crate) fn rows() -> Vec<Row> {
    let (one, two) = (call("one", r#"{"a":1}"#), call("two", r#"{"b":2}"#));
    let both = [("one", r#"{"a":1}"#), ("two", r#"{"b":2}"#)];
    let at = |call: &Value, index: u32| with(call.clone(), &json!({"index": index}));
    let named = |call: &Value, id: &str| with(call.clone(), &json!({"id": id}));
    vec![
        chunks("by index", &[json!([at(&one, 0)]), json!([at(&two, 1)])]).calls(&both),
        chunks("several in one chunk, by index", &[json!([at(&one, 0), at(&two, 1)])]).calls(&both),
        chunks("no index, in one chunk", &[json!([one, two])]).calls(&both),
        chunks("no index, in several chunks", &[json!([one]), json!([two])]).calls(&both),
        chunks("no index, with ids", &[json!([named(&one, "x")]), json!([named(&two, "y")])])
            .calls(&both),
        chunks("all with index 0", &[json!([at(&one, 0)]), json!([at(&two, 0)])]).calls(&both),
        chunks("all with index 0, in one chunk", &[json!([at(&one, 0), at(&two, 0)])]).calls(&both),
        chunks("all with index 0, with ids", &[
            json!([at(&named(&one, "x"), 0)]), json!([at(&named(&two, "y"), 0)]),
        ])
        .calls(&both),
        chunks("empty ids", &[json!([named(&at(&one, 0), "")]), json!([named(&at(&two, 1), "")])])
            .calls(&both),
        chunks("ids that are null", &[
            json!([with(at(&one, 0), &json!({"id": null}))]), json!([with(at(&two, 1), &json!({"id": null}))]),
        ])
        .calls(&both),
        chunks("the same id twice", &[json!([at(&named(&one, "x"), 0), at(&named(&two, "x"), 1)])])
            .calls(&both),
        chunks("the same call twice", &[json!([one, one])]).calls(&[both[0], both[0]]),
        chunks("arguments as an object", &[
            json!([{"index": 0, "function": {"name": "one", "arguments": {"a": 1}}}]),
        ])
        .calls(&both[..1]),
        chunks("arguments in pieces", &[
            json!([at(&call("one", ""), 0)]),
            json!([{"index": 0, "function": {"arguments": "{\"a\""}}]),
            json!([{"index": 0, "function": {"arguments": ":1}"}}]),
        ])
        .calls(&both[..1]),
        chunks("pieces without an index", &[
            json!([call("one", "")]), json!([{"function": {"arguments": "{\"a\""}}]),
            json!([{"function": {"arguments": ":1}"}}]),
        ])
        .calls(&both[..1]),
        chunks("the name with every piece", &[
            json!([at(&call("one", "{\"a\""), 0)]), json!([at(&call("one", ":1}"), 0)]),
        ])
        .calls(&both[..1]),
        chunks("empty object first", &[
            json!([at(&call("one", "{}"), 0)]),
            json!([{"index": 0, "function": {"arguments": "{\"a\":1}"}}]),
        ])
        .calls(&both[..1]),
        chunks("empty object first, with the name again", &[
            json!([at(&call("one", "{}"), 0)]), json!([at(&one, 0)]),
        ])
        .calls(&both[..1]),
        chunks("two calls without arguments", &[
            json!([at(&call("one", "{}"), 0)]), json!([at(&call("two", "{}"), 0)]),
        ])
        .calls(&[("one", "{}"), ("two", "{}")]),
        chunks("name with spaces around it", &[json!([at(&call(" one ", r#"{"a":1}"#), 0)])])
            .calls(&both[..1]),
        chunks("name that comes late", &[
            json!([{"index": 0, "function": {"arguments": "{\"a\":1}"}}]),
            json!([{"index": 0, "function": {"name": "one"}}]),
        ])
        .calls(&both[..1]),
        chunks("index as a text", &[
            json!([with(one.clone(), &json!({"index": "0"}))]), json!([with(two.clone(), &json!({"index": "1"}))]),
        ])
        .calls(&both),
        chunks("calls that are null", &[json!(null), json!([null]), json!([one])]).calls(&both[..1]),
        chunks("one call that is no list", std::slice::from_ref(&one)).calls(&both[..1]),
        chunks("no arguments", &[json!([{"index": 0, "function": {"name": "one"}}])])
            .calls(&[("one", "")]),
        chunks("broken arguments", &[json!([at(&call("one", "{\"a\": \"on"), 0)])])
            .calls(&[("one", "{\"a\": \"on")]),
        Row::stream("function_call", &[
            json!({"choices": [{"index": 0, "delta": {"function_call": {"name": "one", "arguments": "{\"a\""}}}]}),
            json!({"choices": [{"index": 0, "delta": {"function_call": {"arguments": ":1}"}}}]}),
            ends("function_call"),
        ])
        .calls(&both[..1]),
        Row::stream("reason `stop` although tools are asked for", &[
            json!({"choices": [{"index": 0, "delta": {"tool_calls": [one]}}]}), ends("stop"),
        ])
        .calls(&both[..1]),
        Row::new("whole", Reply::whole(200, json!({"choices": [{
            "message": {"content": null, "tool_calls": [named(&one, "x"), named(&two, "y")]},
            "finish_reason": "tool_calls",
        }]})))
        .calls(&both),
        Row::new("whole, without ids", Reply::whole(200, json!({"choices": [{
            "message": {"content": "", "tool_calls": [one, two]}, "finish_reason": "tool_calls",
        }]})))
        .calls(&both),
    ]
}
