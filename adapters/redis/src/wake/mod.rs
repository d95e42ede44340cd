//! Notifications between processes.

mod names;
mod outgoing;
mod subscriber;

use std::sync::Arc;
use std::time::Duration;

use soma_core::ids::OwnerId;
use soma_core::ports::{Notification, Timer, Waiter, Wake};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use self::outgoing::Outgoing;
use self::subscriber::Subscriber;
use crate::client::Redis;

/// A process says so often that it is there, so that a connection that is dead and does not know it
/// is found out by its silence.
const BEAT: Duration = Duration::from_secs(1);

/// Notifies whoever waits in the same process at once, through `local`, and those of other processes
/// within a round trip, over publish/subscribe. What comes while a message is on its way goes with the
/// next, each once.
///
/// Notifications are lost while Redis is away, and while the subscription is made anew: whoever waits
/// also looks from time to time.
pub struct RedisWake {
    local: Arc<dyn Wake>,
    outgoing: Arc<Outgoing>,
    /// They publish and listen until this is dropped.
    _tasks: JoinSet<()>,
}

soma_core::opaque_debug!(RedisWake);

impl RedisWake {
    /// Connects `local` with those of other processes. `origin` is this process: what comes from there
    /// is not told twice. The tasks that publish and listen run on `runtime`.
    pub fn start(
        redis: &Arc<Redis>,
        local: Arc<dyn Wake>,
        origin: OwnerId,
        timer: &Arc<dyn Timer>,
        runtime: &Handle,
    ) -> Self {
        let outgoing = Arc::new(Outgoing::default());
        let subscriber = Subscriber::new(Arc::clone(redis), Arc::clone(&local), origin);
        let mut tasks = JoinSet::new();
        tasks.spawn_on(subscriber.listen(Arc::clone(timer)), runtime);
        let publish =
            outgoing::publish(Arc::clone(&outgoing), Arc::clone(redis), origin, Arc::clone(timer));
        tasks.spawn_on(publish, runtime);
        Self { local, outgoing, _tasks: tasks }
    }

    /// Resolves once everything that was notified before is published, or lost. A process that ends
    /// waits for it: what it gave up is then taken over at once.
    pub async fn flush(&self) {
        self.outgoing.flushed().await;
    }
}

impl Wake for RedisWake {
    fn notify(&self, about: Notification) {
        self.local.notify(about);
        self.outgoing.add(about);
    }

    fn waiter(&self, about: Notification) -> Box<dyn Waiter> {
        self.local.waiter(about)
    }
}
