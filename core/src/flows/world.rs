//! Time, chance, tasks and neighbours: what every flow needs besides its own ports.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};

use super::liveness::Liveness;
use crate::ports::{Clock, Ids, PortError, PortResult, Spawner, Timer, Wake};

/// The ports that every flow needs.
#[derive(Clone)]
pub struct World {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Waits.
    pub timer: Arc<dyn Timer>,
    /// Makes ids.
    pub ids: Arc<dyn Ids>,
    /// Starts tasks.
    pub spawner: Arc<dyn Spawner>,
    /// Notifies neighbours.
    pub wake: Arc<dyn Wake>,
    /// How soon they notice that this process is gone.
    pub liveness: Liveness,
}

impl World {
    /// Waits, at most until `stop` is given.
    pub async fn pause(&self, span: Duration, stop: &super::stop::Stop) {
        let sleep = self.timer.sleep(span);
        let stopped = std::pin::pin!(stop.wait());
        select(sleep, stopped).await;
    }

    /// What `ask` comes to, unless it takes longer than `most`: then it may have had its effect.
    pub(super) async fn within<T>(
        &self,
        most: Duration,
        ask: impl Future<Output = PortResult<T>> + Send,
    ) -> PortResult<T> {
        match select(std::pin::pin!(ask), self.timer.sleep(most)).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right(_) => Err(PortError::Ambiguous("it took too long".into())),
        }
    }
}

crate::opaque_debug!(World);
