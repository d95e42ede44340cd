//! The six services, and their instances.

/// One of the six services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is the service of its name")]
pub enum Unit {
    Gateway,
    Worker,
    Executor,
    Replicator,
    MemorySync,
    OutboxSync,
}

impl Unit {
    /// All six.
    pub const ALL: [Self; 6] = [
        Self::Gateway,
        Self::Worker,
        Self::Executor,
        Self::Replicator,
        Self::MemorySync,
        Self::OutboxSync,
    ];

    /// Its name: that of its binary without `soma-`, and of its consumer group.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Worker => "conversation-worker",
            Self::Executor => "tool-executor",
            Self::Replicator => "memory-replicator",
            Self::MemorySync => "memory-sync",
            Self::OutboxSync => "outbox-sync",
        }
    }

    /// Its `number`-th instance, from 1.
    pub const fn nth(self, number: u32) -> Instance {
        Instance { unit: self, number }
    }
}

/// An instance of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instance {
    /// Which service.
    pub unit: Unit,
    /// Which of its instances, from 1.
    pub number: u32,
}

impl From<Unit> for Instance {
    fn from(unit: Unit) -> Self {
        unit.nth(1)
    }
}
