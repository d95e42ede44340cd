//! Scripting it over HTTP, for tests of whole systems: `POST /control/rules` with a [`Rule`],
//! `DELETE /control/rules`, `GET /control/asked`.

use serde_json::{Value, json};

use super::reply::Reply;
use super::{Asked, Rule, Shared, locked};

/// Answers what is for the double itself; nothing if it is for SomaBrain.
pub(super) fn answer(shared: &Shared, asked: &Asked) -> Option<Reply> {
    let what = asked.path.strip_prefix("/control/")?;
    Some(match (asked.method.as_str(), what) {
        ("POST", "rules") => match serde_json::from_value::<Rule>(asked.body.clone()) {
            Ok(rule) => {
                locked(&shared.rules).push(rule);
                Reply::ok(&json!({"ok": true}))
            }
            Err(error) => Reply::detail(422, error.to_string()),
        },
        ("DELETE", "rules") => {
            locked(&shared.rules).clear();
            Reply::ok(&json!({"ok": true}))
        }
        ("GET", "asked") => {
            let asked = locked(&shared.asked);
            let entry = |one: &Asked| {
                json!({"method": one.method, "path": one.path,
                "query": one.query, "headers": one.headers, "body": one.body})
            };
            Reply::ok(&asked.iter().map(entry).collect::<Value>())
        }
        _ => Reply::detail(404, "the double knows /control/rules and /control/asked"),
    })
}
