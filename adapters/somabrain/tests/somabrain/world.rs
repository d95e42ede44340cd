//! A double, and the memory in it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Map;
use soma_core::conversation::event::Role;
use soma_core::ids::{EventId, SessionId, TenantId};
use soma_core::memory::{MemoryWrite, RecallQuery};
use soma_core::ports::{Memory, PortError};
use soma_core::time::Timestamp;
use soma_inproc::ManualClock;
use soma_somabrain::{SomaBrainConfig, SomaBrainMemory};
use soma_tests::somabrain::{Generation, SomaBrain};
use uuid::Uuid;

/// 2025-11-03T12:00:00Z.
const START: Timestamp = Timestamp::from_micros(1_762_171_200_000_000);

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Done,
    Unavailable,
    Ambiguous,
    Broken,
}

impl End {
    pub(crate) fn of<T>(result: &Result<T, PortError>) -> Self {
        match result {
            Ok(_) => Self::Done,
            Err(PortError::Unavailable(_)) => Self::Unavailable,
            Err(PortError::Ambiguous(_)) => Self::Ambiguous,
            Err(PortError::Broken { .. }) => Self::Broken,
        }
    }
}

/// A double, the memory in it, and the time that the memory goes by.
pub(crate) struct World {
    pub(crate) brain: SomaBrain,
    pub(crate) memory: SomaBrainMemory,
    pub(crate) clock: Arc<ManualClock>,
}

impl World {
    pub(crate) fn new(generation: Generation) -> Self {
        Self::with(generation, |config| config)
    }

    pub(crate) fn with(
        generation: Generation,
        change: impl FnOnce(SomaBrainConfig) -> SomaBrainConfig,
    ) -> Self {
        let brain = SomaBrain::start(generation).unwrap();
        let clock = Arc::new(ManualClock::at(START));
        let config = change(patient(&brain.base_url()));
        let memory = SomaBrainMemory::new(&config, clock.clone()).unwrap();
        Self { brain, memory, clock }
    }

    /// Waits for nothing from now on. Returns the memory that did.
    pub(crate) fn lose_patience(&mut self) -> SomaBrainMemory {
        let short = Duration::from_millis(300);
        let config =
            SomaBrainConfig { recall: short, write: short, ..patient(&self.brain.base_url()) };
        let memory = SomaBrainMemory::new(&config, self.clock.clone()).unwrap();
        std::mem::replace(&mut self.memory, memory)
    }

    /// How each of the writes ended.
    pub(crate) async fn remember(&self, writes: &[MemoryWrite]) -> Vec<End> {
        self.memory.remember(writes).await.unwrap().iter().map(End::of).collect()
    }

    /// The texts that fit.
    pub(crate) async fn found(&self, query: &RecallQuery) -> Vec<String> {
        let hits = self.memory.recall(query).await.unwrap();
        hits.into_iter().map(|hit| hit.text).collect()
    }
}

/// Settings that outlast a machine that is busy.
pub(crate) fn patient(base_url: &str) -> SomaBrainConfig {
    let long = Duration::from_mins(1);
    SomaBrainConfig { recall: long, write: long, connect: long, ..SomaBrainConfig::new(base_url) }
}

pub(crate) fn tenant(name: &str) -> TenantId {
    TenantId::new(name).unwrap()
}

/// What `tenant` said in session 1.
pub(crate) fn said(name: &str, number: u8, text: &str) -> MemoryWrite {
    MemoryWrite {
        key: format!("shared/{number}"),
        event_id: EventId::from_uuid(Uuid::from_u128(u128::from(number))),
        tenant: tenant(name),
        session_id: SessionId::from_uuid(Uuid::from_u128(1)),
        persona_id: None,
        role: Role::User,
        text: text.into(),
        importance: 0.5,
        at: START,
        metadata: Map::new(),
    }
}

/// What `tenant` looks for.
pub(crate) fn asks(name: &str, text: &str) -> RecallQuery {
    RecallQuery {
        tenant: tenant(name),
        session_id: None,
        text: text.into(),
        limit: 10,
        except: Vec::new(),
    }
}
