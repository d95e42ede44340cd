//! How well a memory fits: a score from 0 to 1 that means the same in every local memory.
//!
//! `score = 0.70 · lexical + 0.15 · recency + 0.15 · importance`, and 1 for the very text that was
//! asked for. `lexical` is half the share of the query's words that the memory has, and half its
//! BM25 relative to the best; `recency` halves every 14 days, and every 2 hours for what was said
//! in the session that asks.

use std::time::Duration;

use soma_core::memory::{MemoryHit, MemoryWrite, RecallQuery};
use soma_core::time::Timestamp;

const LEXICAL: f64 = 0.70;
const RECENCY: f64 = 0.15;
const IMPORTANCE: f64 = 0.15;
const HALF_LIFE: Duration = Duration::from_hours(14 * 24);
const HALF_LIFE_IN_SESSION: Duration = Duration::from_hours(2);

/// So many memories that fit best by words alone are ranked.
pub const CANDIDATES: usize = 200;

/// A memory that may be answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The memory.
    pub memory: MemoryWrite,
    /// Its BM25 for the query's words: 0 or more, more is better.
    pub bm25: f64,
    /// How many of the query's words it has.
    pub matched: usize,
    /// Whether it is the very text that is asked for, but for case, accents and space.
    pub exact: bool,
}

/// The best of the candidates for a query of so many words, best first, without those that the
/// query excepts.
pub fn rank(
    query: &RecallQuery,
    terms: usize,
    mut candidates: Vec<Candidate>,
    now: Timestamp,
) -> Vec<MemoryHit> {
    candidates.retain(|candidate| !query.except.contains(&candidate.memory.event_id));
    let best = candidates.iter().map(|candidate| candidate.bm25).fold(0.0, f64::max);
    let mut scored: Vec<(f64, Candidate)> = candidates
        .into_iter()
        .map(|candidate| (score(&candidate, query, terms, best, now), candidate))
        .collect();
    scored.sort_by(|(a_score, a), (b_score, b)| {
        let exact = b.exact.cmp(&a.exact);
        exact.then(b_score.total_cmp(a_score)).then(b.memory.at.cmp(&a.memory.at))
    });
    scored.truncate(query.limit);
    scored.into_iter().map(|(score, candidate)| hit(candidate.memory, score)).collect()
}

/// The newest of the memories, newest first: the answer to a query without words.
pub fn newest(
    query: &RecallQuery,
    mut memories: Vec<MemoryWrite>,
    now: Timestamp,
) -> Vec<MemoryHit> {
    memories.retain(|memory| !query.except.contains(&memory.event_id));
    memories.sort_by_key(|memory| std::cmp::Reverse(memory.at));
    memories.truncate(query.limit);
    let scored = memories.into_iter().map(|memory| (weigh(0.0, &memory, query, now), memory));
    scored.map(|(score, memory)| hit(memory, score)).collect()
}

/// An importance as it is weighed: 0 to 1, whatever was written.
pub fn importance(written: f64) -> f64 {
    if written.is_nan() { 0.0 } else { written.clamp(0.0, 1.0) }
}

fn score(
    candidate: &Candidate,
    query: &RecallQuery,
    terms: usize,
    best: f64,
    now: Timestamp,
) -> f64 {
    if candidate.exact {
        return 1.0;
    }
    let relative = if best > 0.0 { candidate.bm25 / best } else { 0.0 };
    let lexical = 0.5 * ratio(candidate.matched, terms) + 0.5 * relative;
    weigh(lexical, &candidate.memory, query, now)
}

fn weigh(lexical: f64, memory: &MemoryWrite, query: &RecallQuery, now: Timestamp) -> f64 {
    let own = query.session_id == Some(memory.session_id);
    let half_life = if own { HALF_LIFE_IN_SESSION } else { HALF_LIFE };
    let half_lives = now.since(memory.at).as_secs_f64() / half_life.as_secs_f64();
    let recency = 0.5_f64.powf(half_lives);
    let importance = importance(memory.importance);
    (LEXICAL * lexical + RECENCY * recency + IMPORTANCE * importance).clamp(0.0, 1.0)
}

#[expect(clippy::cast_precision_loss, reason = "a query has at most a dozen words")]
fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part.min(whole) as f64 / whole as f64 }
}

fn hit(memory: MemoryWrite, score: f64) -> MemoryHit {
    MemoryHit {
        key: memory.key,
        event_id: memory.event_id,
        session_id: memory.session_id,
        role: memory.role,
        text: memory.text,
        score,
        at: memory.at,
    }
}
