//! The log of the platform in Apache Kafka, by rskafka 0.6.
//!
//! What rskafka leaves open is done here: publishes are joined, with one produce request at a time to
//! a partition; every call has a deadline, after which the client is built anew; nothing is tried
//! again in secret; connections have `TCP_NODELAY`; what cannot be decoded is told by its offset. What
//! it cannot do, it leaves to the operators of the brokers: retention, for one. `docs/kafka.md` tells
//! both.

mod clients;
mod codec;
mod error;
mod log;
mod nodelay;
mod reader;
mod settings;
mod tls;
mod topics;
mod writer;

pub use log::KafkaLog;
pub use settings::{Compression, KafkaSettings, Mechanism, Sasl, Tls};
