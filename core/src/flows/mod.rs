//! The use cases: one file each. A flow asks the rules what to do and the ports to do it.

pub mod cancel_turn;
pub mod delete_session;
pub mod follow_session;
pub mod hub;
pub mod list_sessions;
mod persist;
pub mod read_session;
pub mod refusal;
pub mod request_tool;
pub mod stop;
pub mod submit_message;
pub mod tail_outbound;
pub mod world;
