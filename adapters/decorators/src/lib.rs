//! Every port, wrapped: what is to happen at each call of a port (faults, counts, waits, metrics) is
//! written once, as an [`Intercept`], and [`Decorated`] is any port whose calls go through it.
//!
//! ```
//! use std::future::Future;
//! use std::sync::Arc;
//!
//! use soma_core::ports::{PortResult, Store};
//! use soma_decorators::{Decorated, Intercept, Point};
//!
//! /// Says which calls failed.
//! struct Complains;
//!
//! impl Intercept for Complains {
//!     async fn call<T, C, F>(&self, point: Point, ask: C) -> PortResult<T>
//!     where
//!         C: Fn() -> F + Send + Sync,
//!         F: Future<Output = PortResult<T>> + Send,
//!         T: Send,
//!     {
//!         let reply = ask().await;
//!         if let Err(error) = &reply {
//!             eprintln!("{}.{}: {error}", point.port(), point.method());
//!         }
//!         reply
//!     }
//! }
//!
//! fn complaining(store: Arc<dyn Store>) -> Arc<dyn Store> {
//!     Arc::new(Decorated::new(store, Complains))
//! }
//! ```

mod decorated;
mod faults;
mod point;
mod ports;
mod publishing;

pub use decorated::{Decorated, Intercept};
pub use faults::{FaultKind, FaultPlan, Faulty, Hit};
pub use point::{Effect, OwnPoint, Point};
pub use publishing::{Publish, PublishedBy};
