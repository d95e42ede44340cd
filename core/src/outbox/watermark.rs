//! Where a lane may be read from without ever passing a row that may still appear.
//!
//! Row ids are handed out before their transactions commit, so a row may appear below ids that are
//! already visible. The rule (`reliability.md` A.5): note the highest id handed out together with
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
