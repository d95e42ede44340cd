//! The gateways that clients find.

use soma_simulated::Chance;

use crate::platform::Gateway;

/// Finds a gateway, as a load balancer does.
pub trait Gateways: Send + Sync {
    /// A gateway that lives, if one does; not the one with the number `not`, if there is another.
    fn pick(&self, chance: &mut Chance, not: Option<u32>) -> Option<(u32, Gateway)>;
}
