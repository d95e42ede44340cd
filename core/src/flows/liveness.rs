//! How soon the loss of an instance is noticed by the others.

use std::time::Duration;

/// How often an instance says that it is alive, and how long it counts as alive without.
///
/// What an instance that was killed has held is taken over within `ttl` and half of `heartbeat`. A store
/// that is away for longer than `ttl` costs answers that begin anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Liveness {
    /// How long an instance counts as alive without being heard of: at least three times `heartbeat`.
    pub ttl: Duration,
    /// How often it says that it is, and looks for work and for its share if nobody notifies it.
    pub heartbeat: Duration,
}

impl Liveness {
    /// For instances in processes of their own: a loss costs 3.5 s.
    pub const OF_MANY: Self =
        Self { ttl: Duration::from_secs(3), heartbeat: Duration::from_secs(1) };
    /// For a process that has every instance in it: nobody is left to notice its loss, and a quiet disk
    /// is worth more.
    pub const OF_ONE: Self =
        Self { ttl: Duration::from_secs(9), heartbeat: Duration::from_secs(3) };

    /// How often an instance that was not notified looks for work.
    pub(super) fn look(self) -> Duration {
        self.heartbeat / 2
    }
}
