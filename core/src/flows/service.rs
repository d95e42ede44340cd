//! A service: a unit of the platform that is started, stopped and scaled on its own.

use async_trait::async_trait;

use super::stop::Stop;

/// One of the six services, built and ready to run.
#[async_trait]
pub trait Service: Send + Sync {
    /// The service's name: its binary without `soma-`, and its consumer group.
    fn name(&self) -> &'static str;

    /// Works until `stop`, then finishes what is in hand or releases it.
    async fn run(&self, stop: &Stop);
}
