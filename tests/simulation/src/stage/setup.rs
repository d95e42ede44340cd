//! How the services of a run are set.

use std::time::Duration;

use soma_core::flows::claims::Capacity;
use soma_core::flows::liveness::Liveness;
use soma_core::ports::rate_limit::Rate;
use soma_simulated::Chance;

use crate::audit::Rules;
use crate::platform::{Settings, profile, settings};

/// The model that answers messages which are escalated.
const STRONG: &str = "strong";
/// The model that answers when another does not.
const FALLBACK: &str = "second";

/// A limit of messages that is met at once.
pub(super) const RATE: Rate = Rate { requests: 2, per: Duration::from_secs(1) };

/// How the services of a run are set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setup {
    /// How much worker and executor take on.
    pub capacity: Capacity,
    /// How many messages a tenant may send, if there is a limit.
    pub rate: Option<Rate>,
    /// Whether there is a stronger model for messages that are escalated.
    pub escalation: bool,
    /// Whether there is another model for when one does not answer.
    pub fallback: bool,
    /// How soon the loss of an instance is noticed.
    pub liveness: Liveness,
}

impl Setup {
    /// What the seed decides.
    pub fn draw(chance: &mut Chance) -> Self {
        Self {
            capacity: Capacity {
                sessions: *chance.pick(&[2, 4, 8, 8]),
                per_tenant: *chance.pick(&[1, 2, 3, 64]),
                drain: Duration::from_secs(*chance.pick(&[1, 3, 10, 30])),
            },
            rate: Some(RATE).filter(|_| chance.one_in(6)),
            escalation: chance.one_in(2),
            fallback: chance.one_in(3),
            liveness: *chance.pick(&[Liveness::OF_MANY, Liveness::OF_ONE]),
        }
    }

    /// The settings, where a tenant may use so many tokens.
    pub(super) fn settings(self, budget: Option<u64>) -> Settings {
        let mut settings = settings();
        settings.turns.budget_limit = budget;
        settings.turns.escalation = self.escalation.then(|| profile(STRONG));
        settings.turns.fallback = self.fallback.then(|| profile(FALLBACK));
        Settings { capacity: self.capacity, rate: self.rate, ..settings }
    }

    /// What the auditor holds the services to because of it.
    pub(super) fn rules(self) -> Rules {
        Rules {
            escalation: self.escalation.then_some(STRONG),
            fallback: self.fallback.then_some(FALLBACK),
            has_rate: self.rate.is_some(),
        }
    }
}
