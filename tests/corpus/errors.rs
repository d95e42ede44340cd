//! Errors in a response that says 200.

use serde_json::{Value, json};
use soma_tests::stub_model::Reply;

use crate::endings::{ends, says};
use crate::row::{Row, stream};

/// A stream in which this comes before any text, and one in which it comes in the middle; and the
/// document alone.
fn everywhere(names: [&'static str; 3], error: &Value, kind: &'static str, part: &str) -> Vec<Row> {
    let [first, middle, alone] = names;
    vec![
        Row::new(first, stream(std::slice::from_ref(error))).fails(kind, part),
        Row::new(middle, stream(&[says("hi"), error.clone()])).fails_after("hi", kind, part),
        Row::new(alone, Reply::whole(200, error.clone())).fails(kind, part),
    ]
}

macro_rules! everywhere {
    ($name:literal, $error:tt, $kind:literal, $part:literal) => {
        everywhere(
            [
                concat!($name, ", at first"),
                concat!($name, ", in the middle"),
                concat!($name, ", alone"),
            ],
            &json!($error),
            $kind,
            $part,
        )
    };
}

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    rows.extend(everywhere!("object", {"error": {"message": "it broke", "code": 500}}, "unavailable", "it broke"));
    rows.extend(everywhere!("text", {"error": "it broke"}, "unavailable", "it broke"));
    rows.extend(everywhere!("object named error", {"object": "error", "message": "it broke", "code": 500}, "unavailable", "it broke"));
    rows.extend(everywhere!("detail", {"detail": "it broke"}, "unavailable", "it broke"));
    rows.extend(everywhere!("list of details", {"detail": [{"loc": ["body"], "msg": "it broke", "type": "value_error"}]}, "unavailable", "it broke"));
    rows.extend(
        everywhere!("code and msg", {"code": 1301, "msg": "it broke"}, "unavailable", "it broke"),
    );
    rows.extend(everywhere!("list", [{"error": {"message": "it broke", "code": 503}}], "unavailable", "it broke"));
    rows.extend(everywhere!("code as text", {"error": {"message": "slow down", "code": "429"}}, "rate_limited", "busy"));
    rows.extend(everywhere!("code as number", {"error": {"message": "slow down", "code": 429}}, "rate_limited", "busy"));
    rows.extend(everywhere!("code as word", {"error": {"message": "no", "code": "context_length_exceeded"}}, "too_long", "too long"));
    rows.extend(everywhere!("type as word", {"error": {"message": "no", "type": "content_policy_violation"}}, "content_filter", "filter"));
    rows.extend(everywhere!("too long by its words", {"error": {"message": "This model's maximum context length is 8192 tokens", "code": 400}}, "too_long", "too long"));
    rows.extend(everywhere!("nested", {"error": {"error": {"message": "it broke"}}}, "unavailable", "it broke"));
    rows.extend(everywhere!("bad request", {"error": {"message": "no such parameter", "code": 400}}, "refused", "no such parameter"));
    rows.extend(everywhere!("wrong key", {"error": {"message": "who are you", "code": 401}}, "unauthorized", "credentials"));
    rows.extend(everywhere!("nothing left", {"error": {"message": "pay first", "code": "insufficient_quota"}}, "refused", "quota"));
    rows.extend(everywhere!("in a choice", {"choices": [{"index": 0, "error": {"message": "it broke", "code": 502}}]}, "unavailable", "it broke"));
    let beside = |error: Value| json!({"error": error, "choices": [{"index": 0, "delta": {"content": "hi"}}]});
    for (name, error) in [
        ("null beside a text", json!(null)),
        ("empty text beside a text", json!("")),
        ("empty object beside a text", json!({})),
        ("empty list beside a text", json!([])),
        ("false beside a text", json!(false)),
        ("object of nulls beside a text", json!({"code": null, "message": ""})),
    ] {
        rows.push(Row::stream(name, &[beside(error), ends("stop")]));
    }
    rows.push(
        Row::new(
            "under the event error",
            Reply::stream()
                .raw(b"event: error\ndata: {\"error\": {\"message\": \"it broke\"}}\n\n"),
        )
        .fails("unavailable", "it broke"),
    );
    rows.push(
        Row::new("a page", Reply::stream().raw(b"<html><body>Welcome</body></html>"))
            .fails("refused", "page"),
    );
    rows
}
