//! Tasks beside the test.

use futures_util::future::BoxFuture;
use soma_core::ports::Spawner;

/// Starts tasks in the runtime of the database's connections.
pub(crate) struct Tasks;

impl Spawner for Tasks {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        super::beside().spawn(task);
    }
}
