//! What befalls the instances: each is started, killed, stopped or stands still, and comes back.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use soma_core::flows::stop::Stop;
use soma_core::flows::world::World;
use soma_simulated::{Chance, Nature};

use super::house::{House, Living};
use crate::platform::Instance;

/// Longer than any lease or claim holds without being kept alive.
const LONG: Duration = Duration::from_secs(16);
const SHORT: Duration = Duration::from_millis(400);

/// The fate of one instance.
pub(super) struct Fate {
    pub(super) house: Arc<House>,
    pub(super) nature: Nature,
    pub(super) world: World,
    pub(super) chance: Chance,
    /// The mean time between misfortunes.
    pub(super) strikes: Option<Duration>,
    /// Given when nothing befalls anyone any more.
    pub(super) calm: Stop,
}

impl Fate {
    /// Keeps the instance going, from life to life, for ever.
    pub(super) async fn unfold(mut self, instance: Instance) {
        loop {
            let living = self.house.start(instance);
            self.live(&living).await;
            living.process.gone().wait().await;
            let rest = self.rest();
            self.world.pause(rest, &self.calm).await;
        }
    }

    /// Comes back once the life is over, or is going to be.
    async fn live(&mut self, living: &Living) {
        let gone = living.process.gone();
        loop {
            let Some(strikes) = self.strikes.filter(|_| !self.calm.is_set()) else {
                return gone.wait().await;
            };
            let span = self.chance.span(Duration::ZERO, strikes * 2);
            if self.ends_within(span, &gone).await {
                return;
            }
            if !self.calm.is_set() && self.strike(living) == Struck::Ended {
                return;
            }
        }
    }

    async fn ends_within(&self, span: Duration, gone: &Stop) -> bool {
        let waiting = std::pin::pin!(self.world.pause(span, &self.calm));
        let over = std::pin::pin!(gone.wait());
        matches!(select(over, waiting).await, Either::Left(_))
    }

    fn strike(&mut self, living: &Living) -> Struck {
        match self.chance.below(4) {
            0 | 1 if self.nature.strikes("an instance is killed") => {
                living.process.crash();
                Struck::Ended
            }
            2 if self.nature.strikes("an instance is stopped") => {
                living.stop.trigger();
                Struck::Ended
            }
            3 if self.nature.strikes("an instance stands still") => {
                let span = if self.chance.one_in(2) { LONG } else { SHORT };
                living.process.pause(self.chance.span(span * 3 / 4, span));
                Struck::GoesOn
            }
            _ => Struck::GoesOn,
        }
    }

    fn rest(&mut self) -> Duration {
        let longest = if self.chance.one_in(4) { LONG } else { SHORT };
        self.chance.span(Duration::ZERO, longest)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Struck {
    Ended,
    GoesOn,
}
