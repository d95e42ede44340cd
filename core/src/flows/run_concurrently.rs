//! Running loops of one service side by side in one task.

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;

/// Runs all to their ends. Each is polled only when it was woken itself: what wakes one of many loops
/// costs nothing in the others.
pub(super) async fn run_concurrently<'a>(
    loops: impl IntoIterator<Item = BoxFuture<'a, ()>> + Send,
) {
    let mut running: FuturesUnordered<_> = loops.into_iter().collect();
    while running.next().await.is_some() {}
}
