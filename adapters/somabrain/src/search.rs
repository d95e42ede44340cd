//! Recall: what the server finds, by the platform's own rules.

use std::collections::BTreeSet;

use serde_json::Value;
use soma_core::memory::fit::{Fit, fits, rarity};
use soma_core::memory::rank::{Candidate, Ranked, newest, rank};
use soma_core::memory::words::{folded, query_terms, terms};
use soma_core::memory::{MemoryHit, MemoryWrite, RecallQuery};
use soma_core::time::Timestamp;

use crate::dialect::Api;
use crate::failure::Failure;
use crate::marks;
use crate::record::Record;
use crate::scope::Scope;
use crate::store::Spoken;
use crate::{json, legacy};

/// So many more than are wanted are looked at: the server's order is not ours.
const MORE: usize = 64;
/// So many are looked at for the newest.
const ALL: usize = 2_000;

/// The memories of the tenant that fit the text as the server sees it, each once.
pub(crate) async fn find(
    spoken: Spoken<'_>,
    scope: &Scope,
    text: &str,
    most: usize,
) -> Result<Vec<MemoryWrite>, Failure> {
    let Spoken { server, dialect } = spoken;
    let records: Vec<Value> = match dialect.api() {
        Api::Legacy => legacy::search(server, scope, text, most).await?,
        Api::Json { prefix } => json::search(server, prefix, scope, text, most).await?,
    };
    let mut seen = BTreeSet::new();
    // Whatever else comes back is not ours, or forgotten.
    let own = records.iter().filter_map(|record| Record::memory(record, scope));
    Ok(own.filter(|write| seen.insert(write.key.clone())).collect())
}

/// Answers a query.
pub(crate) async fn recall(
    spoken: Spoken<'_>,
    scope: &Scope,
    query: &RecallQuery,
    alike: bool,
    now: Timestamp,
) -> Result<Vec<MemoryHit>, Failure> {
    let exact = folded(&query.text);
    let wanted = query.limit.saturating_add(query.except.len());
    if exact.is_empty() {
        let most = wanted.max(ALL);
        let found = find(spoken, scope, &scope.mark(), most).await?;
        let candidates: Vec<Candidate> =
            found.iter().map(|write| candidate(write, Fit::default(), false)).collect();
        return Ok(hits(&found, newest(query, &candidates, now)));
    }
    let text = marks::query(&query.text);
    let found = find(spoken, scope, &text, wanted.saturating_add(MORE)).await?;
    let words = query_terms(&query.text);
    let texts: Vec<Vec<String>> = found.iter().map(|write| terms(&write.text)).collect();
    let fits = fits(&words, &rarities(&words, &texts), &texts);
    let judged = found.into_iter().zip(fits).filter_map(|(write, fit)| {
        let exact = folded(&write.text) == exact;
        (fit.matched > 0 || exact || alike).then(|| (candidate(&write, fit, exact), write))
    });
    let (candidates, found): (Vec<_>, Vec<_>) = judged.unzip();
    Ok(hits(&found, rank(query, words.len(), &candidates, now)))
}

fn candidate(write: &MemoryWrite, fit: Fit, exact: bool) -> Candidate {
    let MemoryWrite { event_id, session_id, at, importance, .. } = *write;
    Candidate { event_id, session_id, at, importance, fit, exact }
}

fn hits(found: &[MemoryWrite], ranked: Vec<Ranked>) -> Vec<MemoryHit> {
    let hit = |Ranked { place, score }| found.get(place).map(|one| one.clone().into_hit(score));
    ranked.into_iter().filter_map(hit).collect()
}

/// How much each word tells, as far as what was found does.
#[expect(clippy::cast_precision_loss, reason = "counts of memories are far below 2^52")]
fn rarities(words: &[String], texts: &[Vec<String>]) -> Vec<f64> {
    let having = |word: &String| texts.iter().filter(|text| text.contains(word)).count();
    words.iter().map(|word| rarity(having(word) as f64, texts.len() as f64)).collect()
}
