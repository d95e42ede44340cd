//! Finding memories: candidates by words, by the whole text, or by nothing but their age.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, Row, params};
use soma_core::digest::Digest32;
use soma_core::memory::{MemoryHit, MemoryWrite, RecallQuery};
use soma_core::time::Timestamp;
use soma_inproc::memory::rank::{CANDIDATES, Candidate, newest, rank};
use soma_inproc::memory::words::{folded, query_terms};

use super::remember::text_digest;
use super::scope;
use crate::columns::{from_json, limit};
use crate::database::SqlError;

/// Answers a query.
pub(super) fn recall(
    connection: &Connection,
    query: &RecallQuery,
    now: Timestamp,
) -> Result<Vec<MemoryHit>, SqlError> {
    if folded(&query.text).is_empty() {
        return Ok(newest(query, by_age(connection, query)?, now));
    }
    let terms = query_terms(&query.text);
    let mut found = by_text(connection, query, &terms)?;
    for (id, candidate) in by_words(connection, query, &terms)? {
        found.entry(id).or_insert(candidate);
    }
    Ok(rank(query, terms.len(), found.into_values().collect(), now))
}

/// So many candidates that enough are left without those that the query excepts.
fn enough(least: usize, query: &RecallQuery) -> i64 {
    limit(least.max(query.limit).saturating_add(query.except.len()))
}

fn by_age(connection: &Connection, query: &RecallQuery) -> Result<Vec<MemoryWrite>, SqlError> {
    let mut select = connection.prepare_cached(
        "SELECT payload FROM memories WHERE tenant = ?1 ORDER BY at DESC, id DESC LIMIT ?2",
    )?;
    let parameters = params![query.tenant.as_str(), enough(0, query)];
    let payloads = select.query_map(parameters, |row| row.get::<_, String>(0))?;
    payloads.map(|payload| from_json(&payload?)).collect()
}

/// The memories of the very text of the query, newest first.
fn by_text(
    connection: &Connection,
    query: &RecallQuery,
    terms: &[String],
) -> Result<BTreeMap<i64, Candidate>, SqlError> {
    let mut select = connection.prepare_cached(
        "SELECT id, payload, text_digest, terms, 0.0
         FROM memories JOIN memory_words ON memory_words.rowid = id
         WHERE tenant = ?1 AND text_digest = ?2 ORDER BY at DESC LIMIT ?3",
    )?;
    let digest = text_digest(&query.text);
    let parameters = params![query.tenant.as_str(), digest.0, enough(0, query)];
    let mut rows = select.query(parameters)?;
    candidates(&mut rows, digest, terms)
}

/// The memories that fit the words best.
fn by_words(
    connection: &Connection,
    query: &RecallQuery,
    terms: &[String],
) -> Result<BTreeMap<i64, Candidate>, SqlError> {
    if terms.is_empty() {
        return Ok(BTreeMap::new());
    }
    // Only the best are joined with their memories. The scope weighs nothing.
    let mut select = connection.prepare_cached(
        "SELECT memories.id, payload, text_digest, words.terms, fit
         FROM (SELECT rowid AS id, -bm25(memory_words, 0.0, 1.0) AS fit
               FROM memory_words WHERE memory_words MATCH ?1
               ORDER BY fit DESC, rowid DESC LIMIT ?2) AS best
         JOIN memories ON memories.id = best.id AND tenant = ?3
         JOIN memory_words AS words ON words.rowid = best.id",
    )?;
    let search = expression(query, terms);
    let parameters = params![search, enough(CANDIDATES, query), query.tenant.as_str()];
    let mut rows = select.query(parameters)?;
    candidates(&mut rows, text_digest(&query.text), terms)
}

/// What FTS5 is to look for: any of the words, as quoted strings, within the tenant's scope.
fn expression(query: &RecallQuery, terms: &[String]) -> String {
    let quoted: Vec<_> =
        terms.iter().map(|term| format!("\"{}\"", term.replace('"', "\"\""))).collect();
    format!("scope : \"{}\" AND terms : ({})", scope(&query.tenant), quoted.join(" OR "))
}

fn candidates(
    rows: &mut rusqlite::Rows<'_>,
    digest: Digest32,
    terms: &[String],
) -> Result<BTreeMap<i64, Candidate>, SqlError> {
    let mut found = BTreeMap::new();
    while let Some(row) = rows.next()? {
        found.insert(row.get(0)?, candidate(row, digest, terms)?);
    }
    Ok(found)
}

fn candidate(row: &Row<'_>, digest: Digest32, terms: &[String]) -> Result<Candidate, SqlError> {
    let payload: String = row.get(1)?;
    let text_digest: [u8; 32] = row.get(2)?;
    let words: String = row.get(3)?;
    let words: BTreeSet<&str> = words.split(' ').collect();
    Ok(Candidate {
        memory: from_json(&payload)?,
        bm25: row.get::<_, f64>(4)?.max(0.0),
        matched: terms.iter().filter(|term| words.contains(term.as_str())).count(),
        exact: text_digest == digest.0,
    })
}
