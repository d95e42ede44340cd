//! What goes wrong, and how often.

use std::fmt;
use std::time::Duration;

use soma_decorators::Point;

use crate::chance::Chance;

/// What can happen to a call of a port, or to who makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
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
    /// The process dies before it is done.
    CrashBefore,
    /// The process dies after it is done.
    CrashAfter,
    /// The process stands still before it is done.
    PauseBefore,
    /// The process stands still after it is done, before it knows.
    PauseAfter,
}

impl Fault {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::Refuse,
        Self::LoseRequest,
        Self::LoseReply,
        Self::Delay,
        Self::Duplicate,
        Self::CrashBefore,
        Self::CrashAfter,
        Self::PauseBefore,
        Self::PauseAfter,
    ];

    /// Whether a call can suffer it. A toolbox always has an outcome, so only its process suffers; a
    /// model is asked again by who wants to ask it again, never by the network.
    pub fn befalls(self, point: Point) -> bool {
        match self {
            Self::Refuse | Self::LoseRequest | Self::LoseReply => point != Point::RunTool,
            Self::Duplicate => !matches!(point, Point::RunTool | Point::Generate),
            Self::Delay
            | Self::CrashBefore
            | Self::CrashAfter
            | Self::PauseBefore
            | Self::PauseAfter => true,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refuse => "refuse",
            Self::LoseRequest => "lose request",
            Self::LoseReply => "lose reply",
            Self::Delay => "delay",
            Self::Duplicate => "duplicate",
            Self::CrashBefore => "crash before",
            Self::CrashAfter => "crash after",
            Self::PauseBefore => "pause before",
            Self::PauseAfter => "pause after",
        })
    }
}

/// Something that went wrong in a run. Its place in the list of all of them names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misfortune {
    /// A call suffered.
    Call {
        /// Who made it.
        who: (&'static str, u32),
        /// What was asked.
        point: Point,
        /// What happened.
        fault: Fault,
    },
    /// Something else in the world: its name.
    World(&'static str),
}

/// How a port behaves that is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outage {
    /// It refuses at once.
    Refusing,
    /// It does not answer until it is over; then the outcome is not known.
    Hanging,
}

/// How many calls of so many are counted for each fault.
const CALLS: u32 = 65_536;

/// How often calls suffer each fault.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// How many calls of [`CALLS`] suffer each, in the order of [`Fault::ALL`].
    weights: [u32; Fault::ALL.len()],
}

impl Faults {
    /// None.
    pub const fn none() -> Self {
        Self { weights: [0; Fault::ALL.len()] }
    }

    /// The same, but that this share of the calls suffer `fault`: 0.01 is one in a hundred. All faults
    /// together strike at most every call.
    #[must_use]
    pub fn with(mut self, fault: Fault, share: f64) -> Self {
        let weight = share.clamp(0.0, 1.0) * f64::from(CALLS);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is clamped"
        )]
        let weight = weight.round() as u32;
        self.weights[fault as usize] = weight;
        self
    }

    /// What a call suffers that draws this of [`CALLS`].
    fn drawn(&self, mut drawn: u32) -> Option<Fault> {
        for (fault, weight) in Fault::ALL.into_iter().zip(self.weights) {
            if drawn < weight {
                return Some(fault);
            }
            drawn -= weight;
        }
        None
    }
}

/// How often what goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weather {
    /// How many calls suffer each fault.
    pub faults: Faults,
    /// Where more goes wrong than elsewhere: one call in three suffers, whatever it may be.
    pub focus: Option<Point>,
    /// One notification in so many is lost; 0 loses none.
    pub lost_pokes: u64,
    /// The longest that a call takes, in microseconds of virtual time.
    pub latency_micros: u64,
    /// Sleeps of a tenth of a second and longer end at the next multiple of this.
    pub slack: Duration,
    /// How far the clocks of some processes are ahead of the world's, and of the others'.
    pub skew: Duration,
    /// Whether replies wait, too: a process may do something else between an effect and its reply.
    pub slow_replies: SlowReplies,
    /// The longest delay and the longest pause.
    pub longest: Duration,
}

/// Which replies wait until the seed lets them go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlowReplies {
    /// None: a reply comes with its effect.
    None,
    /// Those of calls that change something.
    OfWrites,
    /// All.
    All,
}

impl Weather {
    /// Nothing goes wrong, and everything takes no time.
    pub const fn fair() -> Self {
        Self {
            faults: Faults::none(),
            focus: None,
            lost_pokes: 0,
            latency_micros: 0,
            slack: Duration::ZERO,
            skew: Duration::ZERO,
            slow_replies: SlowReplies::OfWrites,
            longest: Duration::from_secs(12),
        }
    }

    /// The same, but that this share of the calls suffer `fault`: see [`Faults::with`].
    #[must_use]
    pub fn with(mut self, fault: Fault, share: f64) -> Self {
        self.faults = self.faults.with(fault, share);
        self
    }

    /// What a call suffers.
    pub(crate) fn fault(&self, point: Point, luck: &mut Chance) -> Option<Fault> {
        if self.focus == Some(point) && luck.one_in(3) {
            return Some(*luck.pick(&Fault::ALL));
        }
        self.faults.drawn(u32::try_from(luck.below(u64::from(CALLS))).unwrap_or_default())
    }

    /// How long a delay or a pause is: short, or, half of the time, as long as it gets.
    pub(crate) fn span(&self, luck: &mut Chance) -> Duration {
        let most = match luck.below(4) {
            0 => self.longest / 1_000,
            1 => self.longest / 20,
            _ => self.longest,
        };
        luck.span(most / 2, most)
    }
}
