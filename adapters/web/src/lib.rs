//! The gateway's edge: HTTP, server-sent events and WebSocket over the use cases of the core.
//!
//! An app puts a [`Gateway`] together and hands it to [`serve`]. Everything that is refused is a
//! problem document (RFC 9457), and `error` is the one file that makes them. To add a route, write
//! a handler with its `utoipa::path` in the file of its group in `routes`, and name it in that
//! file's `endpoints` and in `openapi`; a test fails if one of the two is forgotten.

mod authenticate;
mod body;
mod connection;
mod error;
mod fields;
mod frame;
mod gateway;
mod guard;
mod heads;
mod health;
mod hosts;
mod json;
mod openapi;
mod operations;
mod own_headers;
mod routes;
mod server;
mod shared;
mod sse;
mod trace;

pub use error::describe_metrics;
pub use gateway::Gateway;
pub use health::{ComponentHealth, Health, HealthReport, HealthStatus};
pub use hosts::{AllowedHosts, BadHost};
pub use operations::Operations;
pub use server::{serve, serve_operations};
