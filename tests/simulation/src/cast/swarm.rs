//! How the people of a run behave: each seed has others.

use soma_simulated::{Chance, Point};

use crate::pace::Pace;

/// How often people do what: one in so many times, never for 0.
#[derive(Clone, Debug, Default)]
pub struct Swarm {
    /// How they spend their time.
    pub pace: Pace,
    /// How many conversations.
    pub sessions: u64,
    /// How many messages, all conversations together.
    pub messages: u64,
    /// How many tenants they are of.
    pub tenants: u64,
    /// Whether most of them are of one tenant.
    pub flood: bool,
    /// Messages that ask for tools.
    pub tools: u64,
    /// Tools that kill who runs them, among those that are asked for.
    pub fatal_tools: u64,
    /// Tools that take long, beside those that are asked for by chance.
    pub slow_tools: u64,
    /// Messages whose model calls go wrong.
    pub trouble: u64,
    /// Messages whose answers come slowly.
    pub slow: u64,
    /// Messages that are sent again.
    pub repeats: u64,
    /// Cancellations.
    pub cancels: u64,
    /// Disconnections.
    pub leaves: u64,
    /// Tools that a client asks for.
    pub requests: u64,
    /// Attempts at what is another's.
    pub pries: u64,
    /// Deletions.
    pub deletes: u64,
    /// Messages that policy denies.
    pub denied: u64,
    /// Messages that ask for the stronger model.
    pub escalated: u64,
    /// Waits before the next act.
    pub waits: u64,
    /// Whether tenants say the same, under the same keys.
    pub alike: bool,
}

impl Swarm {
    /// What the seed decides: at times nothing of all this, at times all of it as often as it gets.
    pub fn draw(chance: &mut Chance, pace: Pace) -> Self {
        let (messages, sessions) = match chance.below(4) {
            _ if pace == Pace::Dense => (1 + chance.below(3), 1 + chance.below(3)),
            0 | 1 => (1 + chance.below(6), 1 + chance.below(3)),
            2 => (8 + chance.below(9), 3 + chance.below(3)),
            _ => (16 + chance.below(9), 4 + chance.below(3)),
        };
        let tenants = *chance.pick(&[1, 2, 3]);
        let mood = chance.below(16);
        let mut often = |of: &[u64]| match mood {
            0 => 0,
            1 => of.iter().copied().filter(|often| *often > 0).min().unwrap_or(0),
            _ => *chance.pick(of),
        };
        Self {
            pace,
            sessions,
            messages,
            tenants,
            tools: often(&[0, 2, 4, 8]),
            // Who is killed is waited for as long as its claims hold.
            fatal_tools: pace.of(8, 3),
            slow_tools: 0,
            trouble: often(&[0, 3, 8, 20]),
            slow: often(&[0, 4, 10]),
            repeats: often(&[0, 3, 10]),
            cancels: often(&[0, 5, 15]),
            leaves: often(&[0, 2, 6]),
            requests: often(&[0, 3, 10]),
            pries: often(&[0, 10, 30]),
            deletes: often(&[0, 0, 2, 8]),
            denied: often(&[0, 0, 3, 10]),
            escalated: often(&[0, 2, 6]),
            waits: often(&[1, 3, 0]),
            alike: tenants > 1 && chance.one_in(3),
            flood: tenants > 1 && chance.one_in(3),
        }
    }

    /// The same people on a fair day: nothing goes wrong with models, or kills who works for them, and
    /// many an answer takes its time.
    #[must_use]
    pub fn on_a_fair_day(self) -> Self {
        Self { trouble: 0, fatal_tools: 0, slow: 2, ..self }
    }

    /// The same people, who often do what leads to `point`.
    #[must_use]
    pub fn leading_to(mut self, point: Option<Point>) -> Self {
        match point {
            Some(
                Point::Erase | Point::Remember | Point::Forget | Point::DueForgets | Point::Forgot,
            ) => self.deletes = 1,
            Some(Point::RequestCall | Point::RecordDenial | Point::Decide) => {
                self.requests = 1;
                self.denied = 3;
            }
            // A claim is kept alive, and released, by who has something in hand for a while.
            Some(Point::Heartbeat | Point::ReleaseClaim) => {
                self.tools = 1;
                self.slow_tools = 4;
            }
            Some(
                Point::AwaitTools
                | Point::StartCall
                | Point::FinishCall
                | Point::OpenCalls
                | Point::RunTool,
            ) => self.tools = 1,
            Some(Point::Sessions) => self.pries = 2,
            Some(Point::Cancel) => self.cancels = 2,
            _ => {}
        }
        self
    }
}
