//! Processes on one thread, in virtual time, under one seed: whatever can go wrong between them goes
//! wrong, and goes wrong again the same way.
//!
//! A [`Simulation`] has processes. Each [`Process`] has a [`World`](soma_core::flows::world::World)
//! for the flows that run in it, and wraps the ports they use: every call of a port waits until the
//! seed lets it go on, and may be refused, lost, late, doubled, or the last thing its process does.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use soma_core::ports::Leases;
//! use soma_core::work::lease::Resource;
//! use soma_inproc::InprocLedger;
//! use soma_simulated::{Simulation, Weather};
//!
//! let simulation = Simulation::new(7, Weather::fair());
//! let nature = simulation.nature();
//! let ledger = Arc::new(InprocLedger::new(nature.clock()));
//! for number in 1..=2 {
//!     let process = nature.process("worker", number);
//!     let leases = process.port(Arc::clone(&ledger) as Arc<dyn Leases>);
//!     let world = process.world();
//!     let owner = soma_core::ids::OwnerId::from_uuid(world.ids.uuid());
//!     process.spawn(async move {
//!         let lane = soma_core::outbox::lane::Lane::of("a session");
//!         let taken = leases.acquire(&[Resource::Lane(lane)], 1, owner, Duration::from_secs(10)).await;
//!         assert!(taken.is_ok());
//!     });
//! }
//! simulation.run(1_000, || false);
//! assert_eq!(nature.clock().now(), nature.beginning());
//! ```

mod alarms;
mod calls;
mod chance;
mod fault;
mod guard;
mod intercept;
mod log;
mod nature;
mod process;
mod simulation;
mod state;
mod trace;
mod world;

pub use chance::{Chance, mix};
pub use fault::{Fault, Faults, Misfortune, Outage, SlowReplies, Weather};
pub use guard::Guard;
pub use log::SimulatedLog;
pub use nature::Nature;
pub use process::Process;
pub use simulation::{Ran, Simulation};
pub use soma_decorators::{Effect, Point};
pub use trace::Line;
