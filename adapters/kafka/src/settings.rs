//! Where Kafka is, and how it is used.

use std::fmt;
use std::time::Duration;

/// Settings of a [`KafkaLog`](crate::KafkaLog).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaSettings {
    /// The brokers that are asked for all others, each as `host:port`: at least one.
    pub brokers: Vec<String>,
    /// What stands before the name of each topic. Default: nothing.
    pub topic_prefix: String,
    /// How many partitions a topic gets that is made at start, at least 1. A topic that exists keeps
    /// its own number. Default: 3.
    pub partitions: u32,
    /// How many replicas a topic gets that is made at start; none for `default.replication.factor` of
    /// the brokers, which is the default.
    pub replication: Option<u16>,
    /// The name by which the brokers know this client. Default: `soma`.
    pub client_id: String,
    /// TLS, if the listener asks for it. Default: none.
    pub tls: Option<Tls>,
    /// SASL, if the listener asks for it. Default: none.
    pub sasl: Option<Sasl>,
    /// How batches are compressed. Default: [`Compression::None`].
    pub compression: Compression,
    /// The least time between two produce requests to one partition, unless an eighth of
    /// `batch_bytes` waits: what is published meanwhile is joined. A publish to a partition that was
    /// idle for so long does not wait. Default: 2 ms.
    pub linger: Duration,
    /// The most that publishes are joined to, in bytes of keys, values and headers; one publish that is
    /// larger goes alone. Keep it well below `message.max.bytes` of the brokers. Default: 512 KiB.
    pub batch_bytes: usize,
    /// How long an answer may take; for a fetch, besides its wait. Then the outcome is unknown and the
    /// client is built anew. Default: 10 s.
    pub deadline: Duration,
}

impl KafkaSettings {
    /// The defaults, with these brokers.
    pub fn new(brokers: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            brokers: brokers.into_iter().map(Into::into).collect(),
            topic_prefix: String::new(),
            partitions: 3,
            replication: None,
            client_id: "soma".into(),
            tls: None,
            sasl: None,
            compression: Compression::None,
            linger: Duration::from_millis(2),
            batch_bytes: 512 * 1024,
            deadline: Duration::from_secs(10),
        }
    }
}

/// How batches are compressed. Batches of other producers are read in each of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// Snappy: for brokers behind a narrow network.
    Snappy,
    /// Gzip: smaller than Snappy, and ten times the work.
    Gzip,
}

/// How brokers prove who they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// The certificates to trust, as PEM; none for those of the public authorities (webpki-roots).
    pub authorities: Option<Vec<u8>>,
}

/// How this client proves who it is.
#[derive(Clone, PartialEq, Eq)]
pub struct Sasl {
    /// By which mechanism.
    pub mechanism: Mechanism,
    /// Its name.
    pub user: String,
    /// Its password, which `Debug` does not show.
    pub password: String,
}

/// A mechanism of SASL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// PLAIN (RFC 4616): the password itself. Only over TLS.
    Plain,
    /// SCRAM-SHA-256 (RFC 7677).
    ScramSha256,
    /// SCRAM-SHA-512.
    ScramSha512,
}

impl fmt::Debug for Sasl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mechanism, user, .. } = self;
        f.debug_struct("Sasl")
            .field("mechanism", mechanism)
            .field("user", user)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn password_is_not_shown() {
        let password = "hunter2".to_owned();
        let sasl = Sasl { mechanism: Mechanism::Plain, user: "ada".into(), password };
        let settings = KafkaSettings { sasl: Some(sasl), ..KafkaSettings::new(["kafka:9092"]) };

        let shown = format!("{settings:?}");

        assert!(shown.contains("ada") && !shown.contains("hunter2"), "{shown}");
    }
}
