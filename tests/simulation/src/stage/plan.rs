//! What a seed decides of the world: how many of each service, what the weather is, and what befalls
//! them. Every seed has another mix (swarm testing: Groce et al., ISSTA 2012): what never happens in
//! one run leaves room for more of the rest.

use std::time::Duration;

use soma_core::flows::liveness::Liveness;
use soma_core::ports::CLOCK_SKEW;
use soma_simulated::{Chance, Fault, Faults, Point, SlowReplies, Weather};

use super::setup::{RATE, Setup};
use crate::coverage::points;
use crate::pace::Pace;
use crate::platform::Unit;

/// How long a storm is that has to last until something is come to that takes its time.
const LONG_STORM: Duration = Duration::from_secs(12);

/// Their place in [`Unit::ALL`].
const MEMORY_SYNCS: usize = 4;

/// The longest that a call takes on a fair day.
const FAIR_LATENCY_MICROS: u64 = 400;

/// What a seed decides of the world.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How many instances of each service, in the order of [`Unit::ALL`].
    pub instances: [u32; Unit::ALL.len()],
    /// How many partitions each topic has.
    pub partitions: u32,
    /// What calls suffer.
    pub weather: Weather,
    /// How long it goes on; then everything is whole again.
    pub storm: Duration,
    /// The mean time between misfortunes of an instance; none if none befall.
    pub strikes: Option<Duration>,
    /// The mean time between misfortunes of the world; none if none befall.
    pub disasters: Option<Duration>,
    /// Which misfortunes of the world may befall, in the order of [`Disaster::ALL`].
    pub disasters_on: [bool; Disaster::ALL.len()],
    /// The most tokens a tenant may use; none is without limit.
    pub budget: Option<u64>,
    /// How the services are set.
    pub setup: Setup,
    /// Whether nothing goes wrong but that the log may lose the tail of what is shown to clients.
    pub is_fair: bool,
}

/// What befalls the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is named by what happens")]
pub enum Disaster {
    StoreFailsOver,
    StoreHangs,
    LogIsDown,
    PartitionStalls,
    RetentionPasses,
    TailIsLost,
    GarbageIsPublished,
    PolicyIsDown,
    ModelIsDown,
    MemoryIsDown,
    MemoryHangs,
    MemoryLies,
    CountersAreFlushed,
    LimitsAreDown,
}

impl Disaster {
    /// Every kind.
    pub const ALL: [Self; 14] = [
        Self::StoreFailsOver,
        Self::StoreHangs,
        Self::LogIsDown,
        Self::PartitionStalls,
        Self::RetentionPasses,
        Self::TailIsLost,
        Self::GarbageIsPublished,
        Self::PolicyIsDown,
        Self::ModelIsDown,
        Self::MemoryIsDown,
        Self::MemoryHangs,
        Self::MemoryLies,
        Self::CountersAreFlushed,
        Self::LimitsAreDown,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::StoreFailsOver => "the store fails over",
            Self::StoreHangs => "the store hangs",
            Self::LogIsDown => "the log is down",
            Self::PartitionStalls => "a partition stalls",
            Self::RetentionPasses => "retention passes a position",
            Self::TailIsLost => "a partition loses its tail",
            Self::GarbageIsPublished => "a record cannot be read",
            Self::PolicyIsDown => "policy is down",
            Self::ModelIsDown => "the model is down",
            Self::MemoryIsDown => "the memory is down",
            Self::MemoryHangs => "the memory hangs",
            Self::MemoryLies => "the memory lies",
            Self::CountersAreFlushed => "the counters are flushed",
            Self::LimitsAreDown => "the rate limit is down",
        }
    }
}

impl Plan {
    /// What the seed decides.
    pub fn draw(chance: &mut Chance, pace: Pace) -> Self {
        let longest = pace.of([300, 700, 1_500], [2_000, 5_000, 10_000]);
        let longest = Duration::from_millis(*chance.pick(&longest));
        let instances = pace.of([2, 2, 1, 1, 1, 1], [2, 3, 2, 2, 2, 2]);
        let extra = chance.index(instances.len() * pace.of(2, 4));
        let grown = std::array::from_fn(|unit| instances[unit] + u32::from(unit == extra));
        let drawn = Self {
            instances: grown,
            partitions: *chance.pick(&pace.of([1, 1, 1, 2], [1, 1, 2, 3])),
            weather: weather(chance, pace),
            storm: chance.span(Duration::from_millis(100), longest),
            strikes: maybe(chance, pace.of([1_000, 4_000, 12_000], [2_000, 6_000, 20_000])),
            disasters: maybe(chance, pace.of([300, 1_000, 3_000], [1_000, 4_000, 12_000])),
            disasters_on: std::array::from_fn(|_| chance.one_in(2)),
            budget: if chance.one_in(3) { Some(500 + chance.below(12_000)) } else { None },
            setup: Setup::draw(chance),
            is_fair: chance.one_in(16),
        };
        let drawn = drawn.heard_in_time();
        if drawn.is_fair { drawn.fair() } else { drawn.leading_to_focus(pace) }
    }

    /// The same, where no sleep ends so late that an instance counts as dead for that alone.
    fn heard_in_time(mut self) -> Self {
        if self.weather.slack > self.setup.liveness.heartbeat {
            self.setup.liveness = Liveness::OF_ONE;
        }
        self
    }

    /// The same on a fair day.
    fn fair(mut self) -> Self {
        let latency_micros = self.weather.latency_micros.min(FAIR_LATENCY_MICROS);
        self.weather = Weather { latency_micros, ..Weather::fair() };
        self.strikes = None;
        self.disasters_on = Disaster::ALL.map(|disaster| disaster == Disaster::TailIsLost);
        self
    }

    /// The same, with what leads to the point where most goes wrong, and the time to come there.
    fn leading_to_focus(mut self, pace: Pace) -> Self {
        if let Some(focus) = self.weather.focus {
            self.storm =
                self.storm.max(if takes_time(focus) { LONG_STORM } else { pace.long_storm() });
        }
        if self.weather.focus == Some(Point::Admit) {
            self.setup.rate = Some(RATE);
        }
        // What one writes while another forgets takes two.
        if matches!(self.weather.focus, Some(Point::Remember | Point::Forget | Point::Forgot)) {
            self.instances[MEMORY_SYNCS] = self.instances[MEMORY_SYNCS].max(2);
        }
        // A share is given up by who is stopped.
        if matches!(self.weather.focus, Some(Point::Release | Point::Leave)) {
            self.strikes = Some(Duration::from_secs(1));
        }
        self
    }
}

/// Whether a point is come to only after some seconds: by who looks now and then, or holds something
/// for a while.
const fn takes_time(point: Point) -> bool {
    matches!(
        point,
        Point::Heads
            | Point::Heartbeat
            | Point::ReleaseClaim
            | Point::LeaveWork
            | Point::Renew
            | Point::Release
            | Point::Leave
            | Point::Forgot
    )
}

/// A mean time in milliseconds, or never.
fn maybe(chance: &mut Chance, millis: [u64; 3]) -> Option<Duration> {
    if chance.one_in(3) { None } else { Some(Duration::from_millis(*chance.pick(&millis))) }
}

fn weather(chance: &mut Chance, pace: Pace) -> Weather {
    let most: u32 = *chance.pick(&[0, 40, 160, 530, 2_000]);
    let faults = Fault::ALL.into_iter().fold(Faults::none(), |faults, fault| {
        let drawn = u32::try_from(chance.below(u64::from(most) + 1)).unwrap_or_default();
        let drawn = if chance.one_in(2) { drawn } else { 0 };
        // Deaths cost a run much time.
        let deadly = matches!(fault, Fault::CrashBefore | Fault::CrashAfter);
        let drawn = if deadly { drawn / 3 } else { drawn };
        faults.with(fault, f64::from(drawn) / 65_536.0)
    });
    Weather {
        faults,
        focus: if chance.one_in(3) { None } else { Some(*chance.pick(&points())) },
        lost_pokes: *chance.pick(&[0, 0, 0, 2, 20]),
        latency_micros: *chance.pick(&[0, 20, 400, 4_000, 20_000]),
        slack: Duration::from_secs(*chance.pick(&[0, 1, 2, 5, 5, 5, 5, 5, 5, 5])),
        skew: if chance.one_in(2) { CLOCK_SKEW } else { Duration::ZERO },
        slow_replies: *chance.pick(&[
            SlowReplies::None,
            SlowReplies::OfWrites,
            SlowReplies::OfWrites,
            SlowReplies::All,
        ]),
        longest: Duration::from_secs(*chance.pick(&pace.of([1, 17, 17, 20], [1, 5, 13, 31]))),
    }
}
