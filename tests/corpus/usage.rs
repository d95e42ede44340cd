//! What a call used.

use serde_json::{Value, json};

use crate::endings::{ends, says};
use crate::row::Row;

fn told(name: &'static str, usage: &Value) -> Row {
    Row::stream(name, &[says("hi"), ends("stop"), json!({"choices": [], "usage": usage})])
}

pub(crate) fn rows() -> Vec<Row> {
    let both = |prompt: Value, completion: Value| json!({"prompt_tokens": prompt, "completion_tokens": completion});
    vec![
        told("plain", &both(json!(7), json!(3))).uses(7, 3),
        told("with details", &json!({
            "prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10,
            "prompt_tokens_details": {"cached_tokens": null}, "completion_tokens_details": null,
        }))
        .uses(7, 3),
        told("names of the newer API", &json!({"input_tokens": 7, "output_tokens": 3})).uses(7, 3),
        told("sum in the place of the answer's", &json!({"prompt_tokens": 7, "total_tokens": 10}))
            .uses(7, 3),
        told("fractions that are whole", &both(json!(7.0), json!(3.0))).uses(7, 3),
        told("texts", &both(json!("7"), json!("3"))).uses(7, 3),
        told("null", &json!(null)),
        told("null counts", &both(json!(null), json!(null))),
        told("one null count", &both(json!(7), json!(null))),
        told("empty", &json!({})),
        told("only details", &json!({"prompt_tokens_details": {"cached_tokens": 5}})),
        told("zeros", &both(json!(0), json!(0))),
        told("zero for an answer that said something", &both(json!(7), json!(0))),
        told("zero for a prompt", &both(json!(0), json!(3))),
        told("negative", &both(json!(-7), json!(3))),
        told("a negative answer", &both(json!(7), json!(-1))),
        told("fraction", &both(json!(7.5), json!(3))),
        told("2^63", &both(json!(9_223_372_036_854_775_808_u64), json!(3))),
        told("2^40", &both(json!(7), json!(1_u64 << 40))),
        told("beyond 2^64", &both(json!(1e30), json!(3))),
        told("a text", &json!("7")),
        told("a list", &json!([7, 3])),
        Row::stream("with every chunk", &[
            json!({"choices": [{"index": 0, "delta": {"content": "h"}}], "usage": both(json!(7), json!(1))}),
            json!({"choices": [{"index": 0, "delta": {"content": "i"}}], "usage": both(json!(7), json!(3))}),
            ends("stop"),
        ])
        .uses(7, 3),
        Row::stream("with the reason", &[
            says("hi"),
            json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": both(json!(7), json!(3))}),
        ])
        .uses(7, 3),
        Row::stream("null behind what was told", &[
            says("hi"), json!({"choices": [], "usage": both(json!(7), json!(3))}),
            json!({"choices": [], "usage": null}), ends("stop"),
        ])
        .uses(7, 3),
        Row::stream("where Groq has it, beside a null", &[
            says("hi"), ends("stop"),
            json!({"choices": [], "usage": null, "x_groq": {"usage": both(json!(7), json!(3))}}),
        ])
        .uses(7, 3),
        Row::stream("where Groq has it", &[
            says("hi"), ends("stop"), json!({"choices": [], "x_groq": {"usage": both(json!(7), json!(3))}}),
        ])
        .uses(7, 3),
    ]
}
