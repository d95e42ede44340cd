//! Units of work as values: what must become durable together, and what it is checked against.

pub mod backlog;
pub mod commit;
pub mod ingest;
pub mod lease;
pub mod session;
pub mod suspicion;
