//! Memories in memory, looked through one by one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use soma_core::ids::{SessionId, TenantId};
use soma_core::memory::{MemoryHit, MemoryWrite, RecallQuery};
use soma_core::ports::{Clock, Memory, PortResult};

use super::rank::{Candidate, newest, rank};
use super::words::{folded, query_terms, terms};
use crate::lock::locked;

/// Remembers for as long as the process lives. Every recall looks at every memory of the tenant.
pub struct InprocMemory {
    memories: Mutex<BTreeMap<(TenantId, String), Indexed>>,
    clock: Arc<dyn Clock>,
}

/// A memory and what it is found by.
#[derive(Clone, Debug)]
struct Indexed {
    memory: MemoryWrite,
    terms: Vec<String>,
    folded: String,
}

impl InprocMemory {
    /// An empty memory; what it remembers ages by `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { memories: Mutex::default(), clock }
    }

    /// The keys of everything that is remembered, and from which conversation it is.
    pub fn keys(&self) -> BTreeMap<String, SessionId> {
        let memories = locked(&self.memories);
        memories.iter().map(|((_, key), one)| (key.clone(), one.memory.session_id)).collect()
    }

    fn of(&self, tenant: &TenantId) -> Vec<Indexed> {
        let memories = locked(&self.memories);
        memories.values().filter(|one| one.memory.tenant == *tenant).cloned().collect()
    }
}

#[async_trait]
impl Memory for InprocMemory {
    async fn remember(&self, write: &MemoryWrite) -> PortResult<()> {
        let key = (write.tenant.clone(), write.key.clone());
        let indexed = Indexed {
            terms: terms(&write.text),
            folded: folded(&write.text),
            memory: write.clone(),
        };
        locked(&self.memories).insert(key, indexed);
        Ok(())
    }

    async fn recall(&self, query: &RecallQuery) -> PortResult<Vec<MemoryHit>> {
        let now = self.clock.now();
        let memories = self.of(&query.tenant);
        let wanted = query_terms(&query.text);
        let exact = folded(&query.text);
        if exact.is_empty() {
            let all = memories.into_iter().map(|one| one.memory).collect();
            return Ok(newest(query, all, now));
        }
        let scores = bm25(&wanted, &memories);
        let found = memories.into_iter().zip(scores).filter_map(|(one, bm25)| {
            let matched = wanted.iter().filter(|term| one.terms.contains(*term)).count();
            let exact = one.folded == exact;
            (matched > 0 || exact).then_some(Candidate { memory: one.memory, bm25, matched, exact })
        });
        Ok(rank(query, wanted.len(), found.collect(), now))
    }

    async fn forget_session(&self, tenant: &TenantId, session: SessionId) -> PortResult<()> {
        locked(&self.memories)
            .retain(|_, one| one.memory.tenant != *tenant || one.memory.session_id != session);
        Ok(())
    }
}

/// Okapi BM25 of each memory for the wanted words, with the constants of SQLite's FTS5.
#[expect(clippy::cast_precision_loss, reason = "counts of words are far below 2^52")]
fn bm25(wanted: &[String], memories: &[Indexed]) -> Vec<f64> {
    const SATURATION: f64 = 1.2;
    const LENGTH: f64 = 0.75;
    let all = memories.len() as f64;
    let average = memories.iter().map(|one| one.terms.len()).sum::<usize>() as f64 / all.max(1.0);
    let rarities = wanted.iter().map(|term| {
        let having = memories.iter().filter(|one| one.terms.contains(term)).count() as f64;
        ((all - having + 0.5) / (having + 0.5)).ln().max(1e-6)
    });
    let rarities: Vec<f64> = rarities.collect();
    let score = |one: &Indexed| {
        let length = 1.0 - LENGTH + LENGTH * one.terms.len() as f64 / average.max(1.0);
        let parts = wanted.iter().zip(&rarities).map(|(term, rarity)| {
            let often = one.terms.iter().filter(|word| *word == term).count() as f64;
            rarity * often * (SATURATION + 1.0) / (often + SATURATION * length)
        });
        parts.sum()
    };
    memories.iter().map(score).collect()
}

soma_core::opaque_debug!(InprocMemory);
