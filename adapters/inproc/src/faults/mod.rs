//! Decorators that make ports fail as ports in the world do, at a call of choice or at random.
//!
//! A [`FaultPlan`] is shared by every port that is decorated with it and counts their calls in
//! order; [`Faulty`] is a port that asks the plan what happens to each call:
//!
//! ```ignore
//! let plan = FaultPlan::new(timer);
//! let store: Arc<dyn Store> = Arc::new(Faulty::new(Arc::clone(&ledger), Arc::clone(&plan)));
//! plan.arm(3, FaultKind::LoseReply);
//! ```

mod edge;
mod faulty;
mod ledger;
mod plan;

pub use faulty::Faulty;
pub use plan::{FaultKind, FaultPlan, Hit};
