//! The lanes of the outbox and of the memory queue: each is read by one instance at a time.

use serde::{Deserialize, Serialize};

use super::partition::partition_of;

/// How many lanes there are. Never change it while rows are pending.
pub const LANES: u32 = 16;

/// A lane of a queue, below [`LANES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lane(pub u32);

impl Lane {
    /// The lane of a key: the same key is always in the same lane.
    pub fn of(key: &str) -> Self {
        Self(partition_of(key, LANES))
    }

    /// Every lane.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..LANES).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_spread_over_all_lanes_and_stay_in_theirs() {
        let mut seen = [false; LANES as usize];
        for number in 0..1_000 {
            let key = format!("session-{number}");
            let lane = Lane::of(&key);
            assert_eq!(lane, Lane::of(&key));
            seen[lane.0 as usize] = true;
        }
        assert_eq!(seen, [true; LANES as usize]);
    }
}
