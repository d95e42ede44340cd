//! Calls of tools, as the many servers write them.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use soma_core::conversation::model::{FinishReason, ModelFailure};
use soma_tests::stub_model::{Reply, by_markers};

use crate::world::{always, answered, config, failed, stub};

/// Id, name and arguments of the calls that come of these pieces.
async fn calls(pieces: &[Value]) -> Vec<(String, String, String)> {
    let deltas = pieces.iter().map(|piece| json!({"tool_calls": [piece]}));
    let reply = deltas.fold(Reply::stream(), Reply::delta);
    let stub = always(reply.finish("tool_calls").done());
    let answer = answered(&stub, "hello").await;
    answer.tool_calls.into_iter().map(|call| (call.id, call.name, call.arguments)).collect()
}

fn call(id: &str, name: &str, arguments: &str) -> (String, String, String) {
    (id.into(), name.into(), arguments.into())
}

#[tokio::test]
async fn calls_are_put_together_whether_streamed_or_whole() {
    let stub = stub(by_markers);
    for how in ["", "[whole]", "[bytes]"] {
        let message = format!(r#"[tool echo {{"text":"é"}}] [tool add [1,2]] {how}"#);

        let answer = answered(&stub, &message).await;

        let said: Vec<_> =
            answer.tool_calls.iter().map(|c| (&*c.id, &*c.name, &*c.arguments)).collect();
        let expected =
            [("call_stub_0", "echo", r#"{"text":"é"}"#), ("call_stub_1", "add", "[1,2]")];
        assert_eq!(said, expected, "{how}");
        assert_eq!(answer.finish, FinishReason::ToolCalls);
    }
}

#[tokio::test]
async fn pieces_belong_together_by_index_and_id_and_name_may_come_late() {
    let found = calls(&[
        json!({"index": 1, "function": {"arguments": "{\"b\""}}),
        json!({"index": 0, "id": "x", "function": {"name": "one", "arguments": ""}}),
        json!({"index": 1, "id": "y", "function": {"arguments": ":1}"}}),
        json!({"index": 0, "id": "x", "function": {"name": "one", "arguments": "{}"}}),
        json!({"index": 1, "function": {"name": "two"}}),
    ])
    .await;

    assert_eq!(found, [call("x", "one", "{}"), call("y", "two", "{\"b\":1}")]);
}

#[tokio::test]
async fn ids_are_there_and_differ() {
    let found = calls(&[
        json!({"index": 0, "function": {"name": "a", "arguments": "{}"}}),
        json!({"index": 1, "id": "same", "function": {"name": "b"}}),
        json!({"index": 2, "id": "same", "function": {"name": "c"}}),
        json!({"index": 3, "id": "", "function": {"name": "d"}}),
    ])
    .await;

    let ids: Vec<&str> = found.iter().map(|(id, ..)| id.as_str()).collect();
    let different: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!((ids[1], different.len()), ("same", 4), "{ids:?}");
    // Mistral takes no others.
    let fits = |id: &str| id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    assert!([0, 2, 3].iter().all(|place| fits(ids[*place])), "{ids:?}");
}

#[tokio::test]
async fn servers_that_count_badly_are_understood() {
    let whole = |index: Option<u32>, id: &str, name: &str| json!({"index": index, "id": id, "function": {"name": name, "arguments": "{"}});
    let rest = |index: Option<u32>| json!({"index": index, "function": {"arguments": "}"}});
    for index in [None, Some(0)] {
        let found =
            calls(&[whole(index, "x", "a"), rest(index), whole(index, "y", "b"), rest(index)])
                .await;

        assert_eq!(found, [call("x", "a", "{}"), call("y", "b", "{}")], "{index:?}");
    }
}

#[tokio::test]
async fn calls_without_end_are_stopped() {
    let piece =
        json!({"tool_calls": [{"index": 0, "function": {"arguments": "x".repeat(500_000)}}]});
    let reply = Reply::stream().text("hi").delta(piece.clone()).delta(piece.clone()).delta(piece);
    let stub = always(reply.finish("tool_calls").done());

    assert_eq!(failed(config(&stub), "hello").await, ("hi".into(), ModelFailure::Broken));
}
