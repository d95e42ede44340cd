//! `/remember` and `/recall` at the root: all that works in [`Dialect::G0`] and [`Dialect::G1`].
//!
//! One memory is taken at a time, of a few fields and plain text; a search is cached for two seconds by
//! what is asked and how much of it.
//!
//! [`Dialect::G0`]: crate::Dialect::G0
//! [`Dialect::G1`]: crate::Dialect::G1

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::stream::{StreamExt as _, iter};
use serde_json::{Value, json};

use crate::entry::Entry;
use crate::failure::{Failure, Kind};
use crate::http::{Server, take};
use crate::marks::legacy_query;
use crate::scope::Scope;

/// So many are sent at once.
const AT_ONCE: usize = 8;
/// So many searches that follow each other ask for different amounts.
const AMOUNTS: usize = 1_000;

static SEARCHES: AtomicUsize = AtomicUsize::new(0);

/// Sends entries. An error is of all of them.
pub(crate) async fn remember(
    server: &Server,
    scope: &Scope,
    entries: &[Entry],
) -> Result<Vec<Result<(), Failure>>, Failure> {
    let sends: Vec<_> = entries.iter().map(|entry| send(server, scope, entry)).collect();
    let sent: Vec<Result<(), Failure>> = iter(sends).buffered(AT_ONCE).collect().await;
    let of_all = |one: &&Result<(), Failure>| {
        one.as_ref().is_err_and(|f| !matches!(f.kind, Kind::Rejected | Kind::NotStored))
    };
    match sent.iter().find(of_all) {
        Some(Err(failure)) => Err(failure.clone()),
        Some(Ok(())) | None => Ok(sent),
    }
}

async fn send(server: &Server, scope: &Scope, entry: &Entry) -> Result<(), Failure> {
    let body = json!({
        "coord": entry.coordinate(),
        "payload": {
            "task": entry.legacy_document(),
            "content": entry.record,
            "importance": entry.write.as_ref().map_or(0.0, |write| write.importance),
            "memory_type": "episodic",
            "timestamp": entry.seconds(),
            "universe": scope.universe,
        },
    });
    let answer = server.post("/remember", scope, &body).await?;
    if answer["queued"] == true || answer["breaker_open"] == true {
        return Err(Failure::new(Kind::NotStored, "it keeps what it took for a later time"));
    }
    Ok(())
}

/// Records that fit the text.
pub(crate) async fn search(
    server: &Server,
    scope: &Scope,
    text: &str,
    most: usize,
) -> Result<Vec<Value>, Failure> {
    let words = legacy_query(text);
    let other = SEARCHES.fetch_add(1, Ordering::Relaxed) % AMOUNTS;
    let body = json!({
        // Without words everything is looked at.
        "query": if words.is_empty() { scope.mark() } else { words },
        "top_k": most + other,
        "universe": scope.universe,
    });
    let mut answer = server.post("/recall", scope, &body).await?;
    let Value::Array(memories) = take(&mut answer, "memory") else {
        return Err(Failure::new(Kind::Lost, "its answer has no memories"));
    };
    Ok(memories.into_iter().map(|mut payload| take(&mut payload, "content")).collect())
}
