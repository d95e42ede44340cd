//! What was set aside.

use std::collections::BTreeMap;

use async_trait::async_trait;
use soma_core::ids::TenantId;
use soma_core::outbox::dead::DeadLetter;
use soma_core::outbox::redrive::{NotRedrivable, Redrive};
use soma_core::outbox::topic::Topic;
use soma_core::ports::dead_letters::{KeptLetter, LetterDepth, LetterRange, Redriven};
use soma_core::ports::{DeadLetters, PortResult};
use soma_core::time::Timestamp;
use uuid::Uuid;

use super::InprocLedger;
use super::outbox::platform;
use super::state::State;

/// The letters, by their places.
#[derive(Debug, Default)]
pub(super) struct LetterTable {
    rows: BTreeMap<u64, KeptLetter>,
    last_place: u64,
}

impl LetterTable {
    /// Keeps a letter, unless one of its origin is kept. Returns whether it did.
    pub(super) fn keep(&mut self, letter: DeadLetter) -> bool {
        let id = letter.id();
        if self.find(id).is_some() {
            return false;
        }
        self.last_place += 1;
        let place = self.last_place;
        self.rows.insert(place, KeptLetter { place, id, letter });
        true
    }

    pub(super) fn erase(&mut self, tenant: &TenantId, key: &str) {
        self.rows.retain(|_, KeptLetter { letter, .. }| {
            !(letter.tenant.as_ref() == Some(tenant) && letter.key == key)
        });
    }

    fn find(&self, id: Uuid) -> Option<&KeptLetter> {
        self.rows.values().find(|kept| kept.id == id)
    }

    fn list(&self, topic: Option<Topic>, range: LetterRange, limit: usize) -> Vec<KeptLetter> {
        let of = |kept: &&KeptLetter| topic.is_none_or(|topic| kept.letter.topic == topic);
        let rows = self.rows.values().filter(of);
        match range {
            LetterRange::After(place) => {
                rows.filter(|kept| kept.place > place).take(limit).cloned().collect()
            }
            LetterRange::Before(place) => {
                let before = rows.rev().filter(|kept| place.is_none_or(|at| kept.place < at));
                before.take(limit).cloned().collect()
            }
        }
    }

    fn depth(&self) -> Vec<LetterDepth> {
        let mut depths: BTreeMap<Topic, LetterDepth> = BTreeMap::new();
        for DeadLetter { topic, at, .. } in self.rows.values().map(|kept| &kept.letter) {
            let new = LetterDepth { topic: *topic, letters: 0, oldest: *at };
            let depth = depths.entry(*topic).or_insert(new);
            depth.letters += 1;
            depth.oldest = depth.oldest.min(*at);
        }
        depths.into_values().collect()
    }
}

impl State {
    fn redrive(&mut self, place: u64, at: Timestamp) -> Result<(), NotRedrivable> {
        let Some(kept) = self.outbox.dead.rows.get(&place) else { return Ok(()) };
        match kept.letter.redrive(&platform())? {
            Redrive::Publish(message) => self.outbox.enqueue(message, at),
            Redrive::Remember(write) => self.memory.upsert(write, None),
        }
        self.outbox.dead.rows.remove(&place);
        Ok(())
    }
}

#[async_trait]
impl DeadLetters for InprocLedger {
    async fn list(
        &self,
        topic: Option<Topic>,
        range: LetterRange,
        limit: usize,
    ) -> PortResult<Vec<KeptLetter>> {
        Ok(self.state().outbox.dead.list(topic, range, limit))
    }

    async fn letter(&self, id: Uuid) -> PortResult<Option<KeptLetter>> {
        Ok(self.state().outbox.dead.find(id).cloned())
    }

    async fn redrive(&self, ids: &[Uuid], at: Timestamp) -> PortResult<Vec<Redriven>> {
        let mut state = self.state();
        let found = ids.iter().enumerate().filter_map(|(asked, id)| {
            let kept = state.outbox.dead.find(*id)?;
            (!ids[..asked].contains(id)).then_some((kept.place, asked))
        });
        let in_order: BTreeMap<u64, usize> = found.collect();
        let mut outcomes = vec![Redriven::Gone; ids.len()];
        for (place, asked) in in_order {
            let redriven = state.redrive(place, at);
            outcomes[asked] = redriven.map_or_else(Redriven::Refused, |()| Redriven::Done);
        }
        Ok(outcomes)
    }

    async fn drop_letters(&self, ids: &[Uuid]) -> PortResult<Vec<bool>> {
        let rows = &mut self.state().outbox.dead.rows;
        let drop_one = |id: &Uuid| {
            let before = rows.len();
            rows.retain(|_, kept| kept.id != *id);
            rows.len() < before
        };
        Ok(ids.iter().map(drop_one).collect())
    }

    async fn depth(&self) -> PortResult<Vec<LetterDepth>> {
        Ok(self.state().outbox.dead.depth())
    }
}
