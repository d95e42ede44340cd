//! The memory in SomaBrain keeps the contract of its port, whichever generation it is.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::sync::Arc;

use async_trait::async_trait;
use soma_core::contract::Fixture;
use soma_core::ids::{SessionId, TenantId};
use soma_core::memory::{MemoryHit, MemoryWrite, RecallQuery};
use soma_core::ports::{Memory, PortResult};
use soma_core::time::Timestamp;
use soma_inproc::ManualClock;
use soma_somabrain::{SomaBrainConfig, SomaBrainMemory};
use soma_tests::somabrain::{Generation, SomaBrain};
use tokio::runtime::{Builder, Handle, Runtime};

/// After everything that the suite remembers.
const AN_HOUR_LATER: Timestamp = Timestamp::from_micros(1_762_174_800_000_000);

/// A double of the generation of this number.
struct Double<const GENERATION: usize> {
    brain: SomaBrain,
    connections: Option<Runtime>,
}

impl<const GENERATION: usize> Drop for Double<GENERATION> {
    fn drop(&mut self) {
        // A runtime must not be waited for inside another.
        self.connections.take().unwrap().shutdown_background();
    }
}

#[async_trait]
impl<const GENERATION: usize> Fixture for Double<GENERATION> {
    type Port = Arc<dyn Memory>;
    const DURABLE: bool = true;

    async fn start() -> Option<Self> {
        let brain = SomaBrain::start(Generation::ALL[GENERATION]).unwrap();
        let connections = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        Some(Self { brain, connections: connections.ok() })
    }

    async fn open(&self) -> Arc<dyn Memory> {
        let config = SomaBrainConfig {
            // A machine that builds meanwhile is slow.
            recall: std::time::Duration::from_mins(1),
            write: std::time::Duration::from_mins(1),
            connect: std::time::Duration::from_mins(1),
            ..SomaBrainConfig::new(self.brain.base_url())
        };
        let clock = Arc::new(ManualClock::at(AN_HOUR_LATER));
        let memory = Arc::new(SomaBrainMemory::new(&config, clock).unwrap());
        let connections = self.connections.as_ref().unwrap().handle().clone();
        Arc::new(Elsewhere { memory, connections })
    }
}

/// The memory in a runtime of its own: cases that ask at once ask from threads that have none.
struct Elsewhere {
    memory: Arc<SomaBrainMemory>,
    connections: Handle,
}

#[async_trait]
impl Memory for Elsewhere {
    async fn remember(&self, writes: &[MemoryWrite]) -> PortResult<Vec<PortResult<()>>> {
        let (memory, writes) = (Arc::clone(&self.memory), writes.to_vec());
        self.connections.spawn(async move { memory.remember(&writes).await }).await.unwrap()
    }

    async fn recall(&self, query: &RecallQuery) -> PortResult<Vec<MemoryHit>> {
        let (memory, query) = (Arc::clone(&self.memory), query.clone());
        self.connections.spawn(async move { memory.recall(&query).await }).await.unwrap()
    }

    async fn forget_session(&self, tenant: &TenantId, session: SessionId) -> PortResult<()> {
        let (memory, tenant) = (Arc::clone(&self.memory), tenant.clone());
        let forget = async move { memory.forget_session(&tenant, session).await };
        self.connections.spawn(forget).await.unwrap()
    }
}

macro_rules! generations {
    ($($name:ident: $number:literal),+) => { $(
        mod $name {
            use super::Double;

            soma_core::contract_tests!(memory, Double<$number>);
        }
    )+ };
}

generations! { g0: 0, g1: 1, g2: 2, g3: 3, g4: 4 }
