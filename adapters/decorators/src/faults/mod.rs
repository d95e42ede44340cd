//! Decorators that make ports fail as ports in the world do, at a call of choice or at random.
//!
//! A [`FaultPlan`] is shared by every port that is decorated with it and counts their calls in
//! order; [`Faulty`] is a port that asks the plan what happens to each call:
//!
//! ```
//! # use std::sync::Arc;
//! # use soma_core::ports::{Timer, Vault};
//! # use soma_decorators::{FaultKind, FaultPlan, Faulty};
//! # use soma_inproc::InprocVault;
//! fn vault_that_loses_its_third_reply(timer: Arc<dyn Timer>) -> Arc<dyn Vault> {
//!     let plan = FaultPlan::new(timer);
//!     plan.arm(3, FaultKind::LoseReply);
//!     Arc::new(Faulty::new(Arc::new(InprocVault::new()), plan))
//! }
//! ```

mod faulty;
mod plan;

pub use faulty::Faulty;
pub use plan::{FaultKind, FaultPlan, Hit};
