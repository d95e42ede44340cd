//! Memories in memory, looked through one by one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use soma_core::ids::{SessionId, TenantId};
use soma_core::memory::fit::{Fit, fits, rarity};
use soma_core::memory::rank::{Candidate, Ranked, newest, rank};
use soma_core::memory::words::{folded, query_terms, terms};
use soma_core::memory::{MemoryHit, MemoryWrite, RecallQuery};
use soma_core::ports::{Clock, Memory, PortResult};

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

impl Indexed {
    fn of(write: &MemoryWrite) -> Self {
        let (terms, folded) = (terms(&write.text), folded(&write.text));
        Self { memory: write.clone(), terms, folded }
    }
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
    async fn remember(&self, writes: &[MemoryWrite]) -> PortResult<Vec<PortResult<()>>> {
        let indexed: Vec<_> = writes.iter().map(Indexed::of).collect();
        let mut memories = locked(&self.memories);
        let keep = |one: Indexed| {
            memories.insert((one.memory.tenant.clone(), one.memory.key.clone()), one);
            Ok(())
        };
        Ok(indexed.into_iter().map(keep).collect())
    }

    async fn recall(&self, query: &RecallQuery) -> PortResult<Vec<MemoryHit>> {
        let now = self.clock.now();
        let memories = self.of(&query.tenant);
        let wanted = query_terms(&query.text);
        let exact = folded(&query.text);
        if exact.is_empty() {
            let candidates: Vec<Candidate> =
                memories.iter().map(|one| one.candidate(Fit::default(), false)).collect();
            return Ok(hits(&memories, newest(query, &candidates, now)));
        }
        let rarities = rarities(&wanted, &memories);
        let texts: Vec<_> = memories.iter().map(|one| one.terms.clone()).collect();
        let mut found = Vec::new();
        for (one, fit) in memories.into_iter().zip(fits(&wanted, &rarities, &texts)) {
            let exact = one.folded == exact;
            if fit.matched > 0 || exact {
                found.push((one.candidate(fit, exact), one));
            }
        }
        let (candidates, memories): (Vec<_>, Vec<_>) = found.into_iter().unzip();
        Ok(hits(&memories, rank(query, wanted.len(), &candidates, now)))
    }

    async fn forget_session(&self, tenant: &TenantId, session: SessionId) -> PortResult<()> {
        locked(&self.memories)
            .retain(|_, one| one.memory.tenant != *tenant || one.memory.session_id != session);
        Ok(())
    }
}

impl Indexed {
    fn candidate(&self, fit: Fit, exact: bool) -> Candidate {
        let MemoryWrite { event_id, session_id, at, importance, .. } = self.memory;
        Candidate { event_id, session_id, at, importance, fit, exact }
    }
}

fn hits(memories: &[Indexed], ranked: Vec<Ranked>) -> Vec<MemoryHit> {
    let found = ranked.into_iter().filter_map(|Ranked { place, score }| {
        memories.get(place).map(|one| one.memory.clone().into_hit(score))
    });
    found.collect()
}

/// How much each of the wanted words tells.
#[expect(clippy::cast_precision_loss, reason = "counts of memories are far below 2^52")]
fn rarities(wanted: &[String], memories: &[Indexed]) -> Vec<f64> {
    let having = |term: &String| memories.iter().filter(|one| one.terms.contains(term)).count();
    wanted.iter().map(|term| rarity(having(term) as f64, memories.len() as f64)).collect()
}

soma_core::opaque_debug!(InprocMemory);
