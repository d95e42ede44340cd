//! The runtime's timer.

use std::time::Duration;

use async_trait::async_trait;
use soma_core::ports::Timer;

/// Waits by tokio's timer, to the millisecond.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokioTimer;

#[async_trait]
impl Timer for TokioTimer {
    #[expect(clippy::disallowed_methods, reason = "this is the timer")]
    async fn sleep(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }
}
