//! Where a lane may be read from without ever passing a row that may still appear.
//!
//! Row ids are handed out before their transactions commit, so a row may appear below ids that are
//! already visible. The rule: note the highest id handed out together with
//! a transaction id taken afterwards; once every transaction up to that one has ended, no row at or
//! below the noted id can appear any more, and a scan that found none left may start above it.

/// What one look at the database says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Horizon {
    /// The highest row id handed out so far, committed or not.
    pub handed_out: u64,
    /// A transaction id taken after `handed_out` was read.
    pub taken: u64,
    /// Every transaction below this id has ended.
    pub ended: u64,
}

/// The watermark of one lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watermark {
    low: u64,
    candidate: Option<(u64, u64)>,
}

impl Watermark {
    /// Rows at or below this id are gone, and none can appear there.
    pub const fn low(self) -> u64 {
        self.low
    }

    /// Takes note of a scan above [`low`](Self::low) that started after `horizon` was seen;
    /// `drained` says that it left no row at or below the candidate.
    pub fn observe(&mut self, horizon: Horizon, drained: bool) {
        if let Some((id, taken)) = self.candidate {
            if horizon.ended <= taken {
                return;
            }
            if drained {
                self.low = self.low.max(id);
            }
        }
        self.candidate = Some((horizon.handed_out, horizon.taken));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;
    use crate::testing::holds;

    /// What writers and the one reader of a lane do, in any order.
    #[derive(Clone, Debug)]
    enum Act {
        /// A writer gets its transaction id.
        Begin,
        /// A writer gets the id of a row, which nobody sees yet.
        Insert(Index),
        /// A writer's rows appear.
        Commit(Index),
        /// A writer's rows never appear.
        Abort(Index),
        /// The reader takes its next step.
        Read { publishes: usize },
    }

    fn act() -> impl Strategy<Value = Act> {
        let any = any::<Index>();
        prop_oneof![
            3 => Just(Act::Begin),
            5 => any.clone().prop_map(Act::Insert),
            3 => any.clone().prop_map(Act::Commit),
            1 => any.prop_map(Act::Abort),
            6 => (0_usize..5).prop_map(|publishes| Act::Read { publishes }),
        ]
    }

    /// Where the reader is: others act between its steps.
    #[derive(Clone, Copy, Debug, Default)]
    enum Look {
        #[default]
        Nowhere,
        HandedOut(u64),
        Horizon(Horizon),
    }

    #[derive(Debug, Default)]
    struct Lane {
        last_transaction: u64,
        last_row: u64,
        open: BTreeMap<u64, Vec<u64>>,
        visible: BTreeSet<u64>,
        look: Look,
        watermark: Watermark,
    }

    impl Lane {
        fn perform(&mut self, act: &Act) {
            match act {
                Act::Begin => {
                    self.last_transaction += 1;
                    self.open.insert(self.last_transaction, Vec::new());
                }
                Act::Insert(which) => {
                    if let Some(writer) = self.writer(*which) {
                        self.last_row += 1;
                        self.open.entry(writer).or_default().push(self.last_row);
                    }
                }
                Act::Commit(which) => {
                    let writer = self.writer(*which);
                    let rows = writer.and_then(|writer| self.open.remove(&writer));
                    self.visible.extend(rows.unwrap_or_default());
                }
                Act::Abort(which) => {
                    let writer = self.writer(*which);
                    writer.and_then(|writer| self.open.remove(&writer));
                }
                Act::Read { publishes } => self.read(*publishes),
            }
        }

        fn writer(&self, which: Index) -> Option<u64> {
            (!self.open.is_empty())
                .then(|| *which.get(&self.open.keys().collect::<Vec<_>>()))
                .copied()
        }

        fn read(&mut self, publishes: usize) {
            self.look = match self.look {
                Look::Nowhere => Look::HandedOut(self.last_row),
                Look::HandedOut(handed_out) => {
                    let taken = self.last_transaction;
                    let ended = self.open.keys().next().copied().unwrap_or(taken + 1);
                    Look::Horizon(Horizon { handed_out, taken, ended })
                }
                Look::Horizon(horizon) => {
                    let low = self.watermark.low();
                    let found = self.visible.range(low + 1..).take(publishes).copied();
                    for row in found.collect::<Vec<_>>() {
                        self.visible.remove(&row);
                    }
                    let candidate = self.watermark.candidate.map_or(0, |(id, _)| id);
                    let drained = self.visible.range(low + 1..=candidate.max(low + 1)).next();
                    self.watermark.observe(horizon, drained.is_none());
                    Look::Nowhere
                }
            };
        }

        /// The lowest row that waits or may still appear.
        fn lowest(&self) -> Option<u64> {
            self.visible.iter().chain(self.open.values().flatten()).min().copied()
        }
    }

    #[test]
    fn low_never_passes_a_row_that_may_still_appear() {
        holds(512, &vec(act(), 0..120), |acts| {
            let mut lane = Lane::default();

            for act in &acts {
                let before = lane.watermark.low();
                lane.perform(act);

                let low = lane.watermark.low();
                assert!(lane.lowest().is_none_or(|row| low < row), "{lane:?}");
                assert!(before <= low, "it went back: {lane:?}");
            }
        });
    }

    #[test]
    fn low_reaches_the_last_row_once_all_is_quiet_and_published() {
        holds(64, &vec(act(), 0..60), |acts| {
            let mut lane = Lane::default();
            for act in &acts {
                lane.perform(act);
            }
            lane.open.clear();

            for _ in 0..12 {
                lane.read(usize::MAX);
            }

            assert_eq!(lane.watermark.low(), lane.last_row, "{lane:?}");
        });
    }
}
