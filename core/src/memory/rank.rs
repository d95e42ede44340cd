//! How well a memory fits: a score from 0 to 1 that means the same in every local memory.
//!
//! `score = 0.70 · lexical + 0.15 · recency + 0.15 · importance`, and 1 for the very text that was
//! asked for. `lexical` is half the share of the query's words that the memory has, and half its
//! BM25 relative to the best; `recency` halves every 14 days, and every 2 hours for what was said
//! in the session that asks.

use std::time::Duration;

use super::RecallQuery;
use super::fit::Fit;
use crate::ids::{EventId, SessionId};
use crate::time::Timestamp;

const LEXICAL: f64 = 0.70;
const RECENCY: f64 = 0.15;
const IMPORTANCE: f64 = 0.15;
const HALF_LIFE: Duration = Duration::from_hours(14 * 24);
const HALF_LIFE_IN_SESSION: Duration = Duration::from_hours(2);

/// What ranking needs to know of a memory that may be answered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// The event that the memory is of.
    pub event_id: EventId,
    /// The conversation that it comes from.
    pub session_id: SessionId,
    /// When it was said.
    pub at: Timestamp,
    /// How important it is, as it was written.
    pub importance: f64,
    /// How well its words fit.
    pub fit: Fit,
    /// Whether it is the very text that is asked for, but for case, accents and space.
    pub exact: bool,
}

/// A candidate that is returned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranked {
    /// Its place among the candidates.
    pub place: usize,
    /// Its score.
    pub score: f64,
}

/// The best of the candidates for a query of so many words, best first, without those that the
/// query excepts.
pub fn rank(
    query: &RecallQuery,
    terms: usize,
    candidates: &[Candidate],
    now: Timestamp,
) -> Vec<Ranked> {
    let wanted = || not_excepted(query, candidates);
    let best = wanted().map(|(_, candidate)| candidate.fit.bm25).fold(0.0, f64::max);
    let mut scored: Vec<(f64, usize, &Candidate)> = wanted()
        .map(|(place, candidate)| (score(candidate, query, terms, best, now), place, candidate))
        .collect();
    scored.sort_by(|(a_score, _, a), (b_score, _, b)| {
        let exact = b.exact.cmp(&a.exact);
        exact.then(b_score.total_cmp(a_score)).then(b.at.cmp(&a.at))
    });
    scored.truncate(query.limit);
    scored.into_iter().map(|(score, place, _)| Ranked { place, score }).collect()
}

/// The newest of the candidates, newest first: the answer to a query without words.
pub fn newest(query: &RecallQuery, candidates: &[Candidate], now: Timestamp) -> Vec<Ranked> {
    let mut wanted: Vec<(usize, &Candidate)> = not_excepted(query, candidates).collect();
    wanted.sort_by_key(|(_, candidate)| std::cmp::Reverse(candidate.at));
    wanted.truncate(query.limit);
    let ranked = |(place, candidate)| Ranked { place, score: weigh(0.0, candidate, query, now) };
    wanted.into_iter().map(ranked).collect()
}

/// An importance as it is weighed: 0 to 1, whatever was written.
pub fn importance(written: f64) -> f64 {
    if written.is_nan() { 0.0 } else { written.clamp(0.0, 1.0) }
}

fn not_excepted<'a>(
    query: &RecallQuery,
    candidates: &'a [Candidate],
) -> impl Iterator<Item = (usize, &'a Candidate)> {
    let wanted = |(_, candidate): &(usize, &Candidate)| !query.except.contains(&candidate.event_id);
    candidates.iter().enumerate().filter(wanted)
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
    let relative = if best > 0.0 { candidate.fit.bm25 / best } else { 0.0 };
    let lexical = 0.5 * ratio(candidate.fit.matched, terms) + 0.5 * relative;
    weigh(lexical, candidate, query, now)
}

fn weigh(lexical: f64, candidate: &Candidate, query: &RecallQuery, now: Timestamp) -> f64 {
    let own = query.session_id == Some(candidate.session_id);
    let half_life = if own { HALF_LIFE_IN_SESSION } else { HALF_LIFE };
    let half_lives = now.since(candidate.at).as_secs_f64() / half_life.as_secs_f64();
    let recency = 0.5_f64.powf(half_lives);
    let importance = importance(candidate.importance);
    (LEXICAL * lexical + RECENCY * recency + IMPORTANCE * importance).clamp(0.0, 1.0)
}

#[expect(clippy::cast_precision_loss, reason = "a query has at most a dozen words")]
fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part.min(whole) as f64 / whole as f64 }
}
