//! What `soma up` and the six binaries make of their settings alike, whatever their engines are.

mod edge;
mod model;
mod policy;
mod provider;
mod queues;
mod settings;

pub use edge::{Reached, gateway, hosts, listen};
pub use model::model;
pub use policy::platform_policy;
pub use provider::Provider;
pub use queues::{Queues, describe_metrics, down};
pub use settings::settings;
