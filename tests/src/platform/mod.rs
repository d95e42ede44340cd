//! The whole platform in one thread and in virtual time: the flows of all six services over the
//! in-memory ports, each service started, stopped and killed on its own, clients that stream and
//! come back, and the invariants that must hold whatever happened.
#![expect(clippy::expect_used, clippy::panic, reason = "a failed expectation is a failed test")]

mod cast;
mod check;
mod client;
mod instances;
mod stage;
mod toolbox;
mod view;
mod watched;

pub use cast::{Cast, asks_for, has_tool_results, last_words};
pub use check::{Report, check, quiet};
pub use client::{Client, principal};
pub use instances::Platform;
pub use soma_simulation::platform::{Gateway, Instance, Ports, Settings, Unit, profile, settings};
pub use stage::Stage;
pub use toolbox::{HeldTool, Tools, repeatable, unrepeatable};
pub use view::{Ended, View};
pub use watched::{Moment, Strike, Watch};
