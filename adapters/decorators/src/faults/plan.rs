//! Which call suffers what.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use soma_core::ports::Timer;

use crate::point::Point;

/// What can happen to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultKind {
    /// It is not done, and the caller knows.
    Refuse,
    /// It is not done, and the caller does not know. What only reads is as good as refused.
    LoseRequest,
    /// It is done, and the caller does not know. What only reads is as good as refused.
    LoseReply,
    /// It is done later.
    Delay,
    /// It is done twice, and the second answer is given.
    Duplicate,
    /// Calls that begin later overtake it.
    Reorder,
}

impl FaultKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::Refuse,
        Self::LoseRequest,
        Self::LoseReply,
        Self::Delay,
        Self::Duplicate,
        Self::Reorder,
    ];
}

/// A call that suffered a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Which call, from 1, of all that were made.
    pub call: u64,
    /// What was asked.
    pub point: Point,
    /// What happened.
    pub kind: FaultKind,
}

/// Counts the calls of every port that is decorated with it, and says which suffer what. Without
/// orders, none do.
pub struct FaultPlan {
    timer: Arc<dyn Timer>,
    delay: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    calls: u64,
    armed: BTreeMap<u64, FaultKind>,
    chance: Option<Chance>,
    hits: Vec<Hit>,
}

/// One call in so many suffers a fault.
#[derive(Clone, Copy, Debug)]
struct Chance {
    seed: u64,
    one_in: u64,
}

impl FaultPlan {
    /// A plan without faults, whose delays are of 50 ms by `timer`.
    pub fn new(timer: Arc<dyn Timer>) -> Arc<Self> {
        Self::with_delay(timer, Duration::from_millis(50))
    }

    /// A plan without faults, whose delays are of this length by `timer`.
    pub fn with_delay(timer: Arc<dyn Timer>, delay: Duration) -> Arc<Self> {
        Arc::new(Self { timer, delay, state: Mutex::default() })
    }

    /// The `nth` call, from 1, of all that were and will be made suffers `kind`.
    pub fn arm(&self, nth: u64, kind: FaultKind) {
        self.state().armed.insert(nth, kind);
    }

    /// From now on one call in `one_in` suffers a fault of any kind: the same calls suffer the same
    /// under the same seed. Calls that are armed suffer what they were armed with.
    pub fn at_random(&self, seed: u64, one_in: u64) {
        self.state().chance = Some(Chance { seed, one_in: one_in.max(1) });
    }

    /// From now on nothing suffers.
    pub fn calm(&self) {
        let mut state = self.state();
        state.armed.clear();
        state.chance = None;
    }

    /// How many calls were made so far.
    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    /// What was suffered so far.
    pub fn hits(&self) -> Vec<Hit> {
        self.state().hits.clone()
    }

    /// Counts a call. Returns what it suffers.
    pub(super) fn next(&self, point: Point) -> Option<FaultKind> {
        let mut state = self.state();
        state.calls += 1;
        let call = state.calls;
        let armed = state.armed.remove(&call);
        let kind = armed.or_else(|| state.chance.and_then(|chance| chance.kind(call)))?;
        state.hits.push(Hit { call, point, kind });
        Some(kind)
    }

    pub(super) async fn delay(&self) {
        self.timer.sleep(self.delay).await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Chance {
    fn kind(self, call: u64) -> Option<FaultKind> {
        let drawn = mix(self.seed ^ mix(call));
        let kinds = FaultKind::ALL.len() as u64;
        let kind = usize::try_from((drawn / self.one_in) % kinds).ok()?;
        drawn.is_multiple_of(self.one_in).then_some(FaultKind::ALL[kind])
    }
}

/// Mixes the bits of a number: the last step of `SplitMix64`.
const fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

soma_core::opaque_debug!(FaultPlan);
