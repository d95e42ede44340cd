//! Time, chance, tasks and pokes: what every flow needs besides its own ports.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::ports::{Clock, Ids, Spawner, Timer, Wake};

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
    /// Pokes neighbours.
    pub wake: Arc<dyn Wake>,
}

impl World {
    /// Waits, at most until `stop` is given.
    pub async fn pause(&self, span: Duration, stop: &super::stop::Stop) {
        let sleep = self.timer.sleep(span);
        let stopped = std::pin::pin!(stop.wait());
        futures_util::future::select(sleep, stopped).await;
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("World")
    }
}
