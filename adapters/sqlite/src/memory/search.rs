//! Finding memories: by the whole text, by words, or by nothing but their age. A look at a memory reads
//! what ranking needs; only what is answered is read whole.

use std::collections::BTreeSet;

use rusqlite::{Connection, Row, params};
use soma_core::ids::{EventId, SessionId};
use soma_core::memory::fit::{Fit, fits};
use soma_core::memory::rank::{Candidate, Ranked, newest, rank};
use soma_core::memory::words::{folded, query_terms};
use soma_core::memory::{MemoryHit, RecallQuery};
use soma_core::time::Timestamp;

use super::candidates;
use super::remember::text_digest;
use super::scope::Scope;
use crate::columns::limit;
use crate::database::SqlError;

/// So many memories that promise most are ranked.
const RANKED: usize = 96;

/// Answers a query.
pub(super) fn recall(
    connection: &Connection,
    query: &RecallQuery,
    now: Timestamp,
) -> Result<Vec<MemoryHit>, SqlError> {
    let search = Search::new(connection, query);
    if folded(&query.text).is_empty() {
        let looks = search.by_age()?;
        let candidates: Vec<_> = looks.iter().map(|look| look.candidate).collect();
        return search.hits(&looks, newest(query, &candidates, now));
    }
    let mut looks = search.by_text()?;
    let terms = query_terms(&query.text);
    // Nothing fits better than the very text.
    if looks.len() < query.limit && !terms.is_empty() {
        search.by_words(&terms, &mut looks)?;
    }
    let candidates: Vec<_> = looks.iter().map(|look| look.candidate).collect();
    search.hits(&looks, rank(query, terms.len(), &candidates, now))
}

/// What is known of a memory that may be answered.
struct Look {
    id: i64,
    candidate: Candidate,
    terms: String,
}

struct Search<'a> {
    connection: &'a Connection,
    query: &'a RecallQuery,
    except: BTreeSet<EventId>,
}

impl<'a> Search<'a> {
    fn new(connection: &'a Connection, query: &'a RecallQuery) -> Self {
        Self { connection, query, except: query.except.iter().copied().collect() }
    }

    /// So many that enough are left without those that the query excepts.
    fn enough(&self) -> i64 {
        limit(self.query.limit.saturating_add(self.except.len()))
    }

    fn by_age(&self) -> Result<Vec<Look>, SqlError> {
        let mut select = self.connection.prepare_cached(
            "SELECT id, event_id, session_id, at, importance, '' FROM memories
              WHERE tenant = ?1 ORDER BY at DESC, id DESC LIMIT ?2",
        )?;
        let mut rows = select.query(params![self.query.tenant.as_str(), self.enough()])?;
        self.looks(&mut rows)
    }

    /// The memories of the very text of the query, newest first.
    fn by_text(&self) -> Result<Vec<Look>, SqlError> {
        let mut select = self.connection.prepare_cached(
            "SELECT id, event_id FROM memories
              WHERE tenant = ?1 AND text_digest = ?2 ORDER BY at DESC LIMIT ?3",
        )?;
        let digest = text_digest(&self.query.text);
        let tenant = self.query.tenant.as_str();
        let mut rows = select.query(params![tenant, digest.0, self.enough()])?;
        let mut ids = Vec::new();
        while ids.len() < self.query.limit
            && let Some(row) = rows.next()?
        {
            if !self.except.contains(&EventId::from_uuid(row.get(1)?)) {
                ids.push(row.get(0)?);
            }
        }
        let mut looks = self.look_at(&ids, &BTreeSet::new())?;
        for look in &mut looks {
            look.candidate.exact = true;
        }
        Ok(looks)
    }

    /// Adds the memories whose words promise most, and weighs the words of all.
    fn by_words(&self, terms: &[String], looks: &mut Vec<Look>) -> Result<(), SqlError> {
        let scope = Scope::of(&self.query.tenant);
        let mut found = candidates::find(self.connection, &scope, terms, 0)?;
        let seen: BTreeSet<i64> = looks.iter().map(|look| look.id).collect();
        let mut more = self.look_at(&found.ids, &seen)?;
        // The newest may be those that are excepted: they are in the window.
        if more.len() < RANKED && found.truncated && !self.except.is_empty() {
            found = candidates::find(self.connection, &scope, terms, self.except.len())?;
            more = self.look_at(&found.ids, &seen)?;
        }
        looks.extend(more);
        let texts: Vec<Vec<&str>> =
            looks.iter().map(|look| look.terms.split(' ').collect()).collect();
        let fits = fits(terms, &found.rarities, &texts);
        for (look, fit) in looks.iter_mut().zip(fits) {
            look.candidate.fit = fit;
        }
        Ok(())
    }

    fn look_at(&self, ids: &[i64], seen: &BTreeSet<i64>) -> Result<Vec<Look>, SqlError> {
        let mut select = self.connection.prepare_cached(
            "SELECT id, event_id, session_id, at, importance, terms FROM memories
              WHERE id = ?1 AND tenant = ?2",
        )?;
        let mut looks = Vec::with_capacity(RANKED);
        for id in ids.iter().filter(|id| !seen.contains(id)) {
            let mut rows = select.query(params![id, self.query.tenant.as_str()])?;
            looks.extend(self.looks(&mut rows)?);
            if looks.len() >= RANKED.max(self.query.limit) {
                break;
            }
        }
        Ok(looks)
    }

    /// The rows, without what the query excepts.
    fn looks(&self, rows: &mut rusqlite::Rows<'_>) -> Result<Vec<Look>, SqlError> {
        let mut looks = Vec::new();
        while let Some(row) = rows.next()? {
            let event = EventId::from_uuid(row.get(1)?);
            if !self.except.contains(&event) {
                looks.push(look(row, event)?);
            }
        }
        Ok(looks)
    }

    fn hits(&self, looks: &[Look], ranked: Vec<Ranked>) -> Result<Vec<MemoryHit>, SqlError> {
        let mut select =
            self.connection.prepare_cached("SELECT key, role, text FROM memories WHERE id = ?1")?;
        let mut hits = Vec::with_capacity(ranked.len());
        for Ranked { place, score } in ranked {
            let Some(Look { id, candidate, .. }) = looks.get(place) else { continue };
            let read = |row: &Row<'_>| Ok((row.get(0)?, row.get::<_, String>(1)?, row.get(2)?));
            let (key, said_by, text) = select.query_row([id], read)?;
            hits.push(MemoryHit {
                key,
                event_id: candidate.event_id,
                session_id: candidate.session_id,
                role: said_by.parse()?,
                text,
                score,
                at: candidate.at,
            });
        }
        Ok(hits)
    }
}

fn look(row: &Row<'_>, event_id: EventId) -> Result<Look, SqlError> {
    let candidate = Candidate {
        event_id,
        session_id: SessionId::from_uuid(row.get(2)?),
        at: Timestamp::from_micros(row.get(3)?),
        importance: row.get(4)?,
        fit: Fit::default(),
        exact: false,
    };
    Ok(Look { id: row.get(0)?, candidate, terms: row.get(5)? })
}
