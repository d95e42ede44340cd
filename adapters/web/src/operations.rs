//! What is served to whoever operates a process: how it is, and what it measured.

use std::sync::Arc;

use crate::gateway::Gateway;
use crate::health::Health;

/// What the routes for operators work with. A process without a gateway serves them alone, by
/// [`serve_operations`](crate::serve_operations).
#[derive(Clone)]
pub struct Operations {
    /// Says how the parts are.
    pub health: Arc<dyn Health>,
    /// Renders the metrics as Prometheus text.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
}

impl From<&Gateway> for Operations {
    fn from(gateway: &Gateway) -> Self {
        let Gateway { health, metrics, .. } = gateway;
        Self { health: Arc::clone(health), metrics: Arc::clone(metrics) }
    }
}

soma_core::opaque_debug!(Operations);
