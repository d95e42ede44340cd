//! The use cases: one file each. A flow asks the rules what to do and the ports to do it.

pub mod answer_message;
pub mod authenticate;
pub mod cancel_turn;
pub mod claims;
pub mod consume;
mod decide;
pub mod delete_session;
pub mod follow_session;
mod forget_sessions;
pub mod hub;
pub mod ingest_work;
pub mod list_sessions;
pub mod liveness;
mod memory_lanes;
pub mod operate_dead_letters;
pub mod overload;
mod persist;
pub mod read_session;
pub mod refusal;
pub mod relay_outbox;
pub mod replicate_memory;
pub mod request_tool;
mod run_concurrently;
pub mod run_tools;
pub mod service;
pub mod shares;
pub mod submit_message;
mod sweep_followed;
pub mod sync_memory;
pub mod tail_outbound;
mod texts;
pub mod world;

pub use crate::ports::stop;
