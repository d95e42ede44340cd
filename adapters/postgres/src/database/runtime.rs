//! Running in one runtime, whoever polls.

use std::future::poll_fn;
use std::pin::pin;

use tokio::runtime::Handle;

/// Runs a future that needs a runtime: for timers, and to make connections.
pub(super) async fn within<F: Future>(runtime: &Handle, future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|context| {
        let _entered = runtime.enter();
        future.as_mut().poll(context)
    })
    .await
}
