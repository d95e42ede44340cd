//! `/memory/remember/batch` and `/memory/recall` with bodies: from [`Dialect::G2`] on.
//!
//! [`Dialect::G2`]: crate::Dialect::G2

use serde_json::{Value, json};

use crate::entry::Entry;
use crate::failure::{Failure, Kind};
use crate::http::{Server, take};
use crate::record::FIELD;
use crate::scope::Scope;

/// What is sent together is at most about so long, in bytes; the newest server takes 2.5 MB.
const LONGEST_BATCH: usize = 1 << 20;

/// Sends entries, as many together as the server may take. What it rejects is sent again in halves,
/// until what it does not take is alone. An error is of all of them.
pub(crate) async fn remember(
    server: &Server,
    prefix: &str,
    scope: &Scope,
    entries: &[Entry],
) -> Result<Vec<Result<(), Failure>>, Failure> {
    let mut results: Vec<Result<(), Failure>> = entries.iter().map(|_| Ok(())).collect();
    let mut to_send = batches(entries);
    while let Some(batch) = to_send.pop() {
        match send(server, prefix, scope, &batch).await {
            Ok(said) => {
                for ((place, _), failure) in batch.iter().zip(said) {
                    if let Some(result) = results.get_mut(*place) {
                        *result = failure.map_or(Ok(()), Err);
                    }
                }
            }
            Err(failure) if failure.kind == Kind::Rejected => match batch.as_slice() {
                [(place, _)] => {
                    if let Some(result) = results.get_mut(*place) {
                        *result = Err(failure);
                    }
                }
                more => {
                    let (one, other) = more.split_at(more.len() / 2);
                    to_send.extend([one.to_vec(), other.to_vec()]);
                }
            },
            Err(failure) => return Err(failure),
        }
    }
    Ok(results)
}

/// Items, each with its place among the entries.
type Batch = Vec<(usize, Value)>;

fn batches(entries: &[Entry]) -> Vec<Batch> {
    let (mut batches, mut batch, mut length): (Vec<Batch>, Batch, usize) = Default::default();
    for (place, entry) in entries.iter().enumerate() {
        let item = item(entry);
        let more = item.to_string().len();
        if length + more > LONGEST_BATCH && !batch.is_empty() {
            batches.push(std::mem::take(&mut batch));
            length = 0;
        }
        length += more;
        batch.push((place, item));
    }
    if !batch.is_empty() {
        batches.push(batch);
    }
    batches
}

fn item(entry: &Entry) -> Value {
    let importance = entry.write.as_ref().map_or(0.0, |write| write.importance);
    json!({
        "key": entry.key,
        "importance": importance,
        "value": {
            "text": entry.document(),
            "content": entry.said(),
            "id": entry.key,
            "timestamp": entry.seconds(),
            FIELD: entry.record,
        },
    })
}

/// Sends a batch. Returns for each item why it is known not to be stored, if it is.
async fn send(
    server: &Server,
    prefix: &str,
    scope: &Scope,
    batch: &Batch,
) -> Result<Vec<Option<Failure>>, Failure> {
    let items: Vec<&Value> = batch.iter().map(|(_, item)| item).collect();
    let body = json!({
        "tenant": scope.server_tenant,
        "namespace": scope.namespace,
        "universe": scope.universe,
        "items": items,
    });
    let answer = server.post(&format!("{prefix}/memory/remember/batch"), scope, &body).await?;
    let results = answer["results"].as_array();
    let of = |place: usize| results.and_then(|results| results.get(place));
    Ok((0..batch.len()).map(|place| of(place).and_then(kept_back)).collect())
}

/// Why an item that was taken is not stored, if the server says so. Its word that it *is* stored counts
/// for nothing.
fn kept_back(result: &Value) -> Option<Failure> {
    if let Some(warnings) = result["warnings"].as_array().filter(|all| !all.is_empty()) {
        tracing::debug!(?warnings, "SomaBrain warns");
    }
    let later = result["queued_for_ltm"] == true;
    (result["persisted_to_ltm"] == false && !later)
        .then(|| Failure::new(Kind::NotStored, "it keeps what it took for a later time"))
}

/// Records that fit the text, best first as far as the server can tell.
pub(crate) async fn search(
    server: &Server,
    prefix: &str,
    scope: &Scope,
    text: &str,
    most: usize,
) -> Result<Vec<Value>, Failure> {
    let body = json!({
        "query": text,
        "top_k": most,
        "tenant": scope.server_tenant,
        "namespace": scope.namespace,
        "universe": scope.universe,
        "layer": "ltm",
        "retrievers": ["vector", "lexical"],
        "rerank": "cosine",
        "persist": false,
    });
    let mut answer = server.post(&format!("{prefix}/memory/recall"), scope, &body).await?;
    let Value::Array(results) = take(&mut answer, "results") else {
        return Err(Failure::new(Kind::Lost, "its answer has no results"));
    };
    let record = |mut result: Value| {
        // The working memory holds every version of everything.
        let working = result["layer"] == "wm";
        let payload = if result["payload"].is_object() { "payload" } else { "content" };
        (!working).then(|| take(&mut take(&mut result, payload), FIELD))
    };
    let objects = results.into_iter().filter(Value::is_object);
    Ok(objects.filter_map(record).collect())
}
