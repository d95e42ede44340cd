//! How a run spends its time.

use std::time::Duration;

use soma_simulated::Chance;

/// How a run spends its time: most of the polls of a long run only look whether something is to be
/// done, and most of what goes wrong needs neither a crowd nor an hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// A few people in a hurry, few instances, a short storm.
    Dense,
    /// A crowd that takes its time, more than one instance of everything, a long storm.
    #[default]
    Roomy,
}

impl Pace {
    /// What a seed decides.
    pub fn draw(chance: &mut Chance) -> Self {
        if chance.one_in(32) { Self::Roomy } else { Self::Dense }
    }

    /// One of these, by the pace.
    pub fn of<T>(self, dense: T, roomy: T) -> T {
        match self {
            Self::Dense => dense,
            Self::Roomy => roomy,
        }
    }

    /// How long a storm is that has to last.
    pub(crate) fn long_storm(self) -> Duration {
        self.of(Duration::from_secs(1), Duration::from_secs(12))
    }

    /// The longest that a person reads or waits before the next act.
    pub(crate) fn longest_act(self) -> Duration {
        self.of(Duration::from_millis(300), Duration::from_secs(2))
    }
}
