//! How the services are set.

use soma_core::flows::claims::Capacity;
use soma_core::ports::rate_limit::Rate;
use soma_core::turn::config::TurnConfig;
use soma_core::work::backlog::BacklogLimits;

/// How the services are set.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What turns run with.
    pub turns: TurnConfig,
    /// How much worker and executor take on.
    pub capacity: Capacity,
    /// The limit of messages per tenant; none is without limit.
    pub rate: Option<Rate>,
    /// How much may wait; none is without limit.
    pub backlog: Option<BacklogLimits>,
}

impl Settings {
    /// The usual settings, for turns that run with these.
    pub fn of(turns: TurnConfig) -> Self {
        Self {
            turns,
            capacity: Capacity::default(),
            rate: None,
            backlog: Some(BacklogLimits::default()),
        }
    }
}
