//! Which memories are looked at for a query: a bounded number of them, however many have its words.
//!
//! Of each word the newest that have it, and, where even the rarest word is common, the newest that
//! have it together with others. A rare word has few memories, so all of them are among these.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};
use soma_core::memory::fit::rarity;

use super::scope::Scope;
use crate::columns::limit;
use crate::database::SqlError;

/// So many of the newest memories are looked at of each word.
const OF_EACH: usize = 48;
/// Words together are looked for among so many of the newest memories.
const REACH: i64 = 200_000;

/// The ids that are worth a look, those that promise most first, and how rare each word is.
pub(super) struct Candidates {
    pub(super) ids: Vec<i64>,
    pub(super) rarities: Vec<f64>,
    /// Whether there are more that have the words.
    pub(super) truncated: bool,
}

/// Finds candidates for words; `more` of each than is usual.
pub(super) fn find(
    connection: &Connection,
    scope: &Scope,
    terms: &[String],
    more: usize,
) -> Result<Candidates, SqlError> {
    let count = OF_EACH + more;
    let newest = newest_id(connection)?;
    let all = Posting::newest(connection, &scope.any(), count, i64::MIN)?;
    let mut postings = Vec::with_capacity(terms.len());
    for term in terms {
        postings.push(Posting::newest(connection, &scope.all_of(&[term]), count, i64::MIN)?);
    }
    let all = all.estimated(count, newest);
    let rarities: Vec<f64> =
        postings.iter().map(|posting| rarity(posting.estimated(count, newest), all)).collect();
    let mut promise: BTreeMap<i64, f64> = BTreeMap::new();
    for (posting, rarity) in postings.iter().zip(&rarities) {
        for id in &posting.0 {
            *promise.entry(*id).or_default() += rarity;
        }
    }
    let truncated = postings.iter().any(|posting| posting.is_full(count));
    if postings.iter().all(|posting| posting.is_full(count)) {
        let least = newest.saturating_sub(REACH);
        together(connection, scope, (terms, &rarities), (count, least), &mut promise)?;
    }
    let mut ids: Vec<(i64, f64)> = promise.into_iter().collect();
    ids.sort_by(|(a, a_promise), (b, b_promise)| b_promise.total_cmp(a_promise).then(b.cmp(a)));
    Ok(Candidates { ids: ids.into_iter().map(|(id, _)| id).collect(), rarities, truncated })
}

/// Adds those that have the rarest word and others: all of them, then all but the most common, and so
/// on until enough are found.
fn together(
    connection: &Connection,
    scope: &Scope,
    (terms, rarities): (&[String], &[f64]),
    (count, least): (usize, i64),
    promise: &mut BTreeMap<i64, f64>,
) -> Result<(), SqlError> {
    let mut words: Vec<(&str, f64)> =
        terms.iter().map(String::as_str).zip(rarities.iter().copied()).collect();
    words.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    let mut found = 0;
    while words.len() > 1 && found < OF_EACH {
        let texts: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let posting = Posting::newest(connection, &scope.all_of(&texts), count, least)?;
        let of_all: f64 = words.iter().map(|(_, rarity)| rarity).sum();
        for id in &posting.0 {
            let promised = promise.entry(*id).or_default();
            *promised = promised.max(of_all);
        }
        found = posting.0.len();
        words.pop();
    }
    Ok(())
}

fn newest_id(connection: &Connection) -> Result<i64, SqlError> {
    let newest: Option<i64> = connection
        .prepare_cached("SELECT max(id) FROM memories")?
        .query_row([], |row| row.get(0))?;
    Ok(newest.unwrap_or_default())
}

/// The newest memories that have something, newest first.
struct Posting(Vec<i64>);

impl Posting {
    fn newest(
        connection: &Connection,
        search: &str,
        count: usize,
        least: i64,
    ) -> Result<Self, SqlError> {
        let mut select = connection.prepare_cached(
            "SELECT rowid FROM memory_terms WHERE memory_terms MATCH ?1 AND rowid >= ?2
              ORDER BY rowid DESC LIMIT ?3",
        )?;
        let ids = select.query_map(params![search, least, limit(count)], |row| row.get(0))?;
        Ok(Self(ids.collect::<Result<_, _>>()?))
    }

    const fn is_full(&self, count: usize) -> bool {
        self.0.len() >= count
    }

    /// How many there are, as far as the newest tell: they may be as frequent among all ids.
    fn estimated(&self, count: usize, newest_id: i64) -> f64 {
        let known = number(self.0.len());
        match (self.0.first(), self.0.last()) {
            (Some(newest), Some(oldest)) if self.is_full(count) => {
                known * distance(newest_id.saturating_add(1)) / distance(newest - oldest + 1)
            }
            _ => known,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of memories are far below 2^52")]
const fn number(count: usize) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "ids are far below 2^52")]
fn distance(ids: i64) -> f64 {
    ids.max(1) as f64
}
