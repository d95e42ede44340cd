//! The world of a run: instances that come and go, and what befalls them.

mod disasters;
mod fate;
mod house;
mod lying_memory;
mod open;
mod plan;
mod setup;

pub use house::{Furnish, House, Living};
pub use open::Stage;
pub use plan::{Disaster, Plan};
