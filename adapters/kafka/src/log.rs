//! The port.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use soma_core::outbox::message::Record;
use soma_core::outbox::partition::Partition;
use soma_core::outbox::topic::Topic;
use soma_core::ports::log::{Bounds, Fetched};
use soma_core::ports::{Log, PortError, PortResult};
use tokio::runtime::Handle;
use tokio_util::task::AbortOnDropHandle;

use crate::clients::Clients;
use crate::error::CallError;
use crate::reader::Reader;
use crate::settings::KafkaSettings;
use crate::tls;
use crate::topics::{self, Counts};
use crate::writer::Writer;

/// [`Log`] in Apache Kafka.
///
/// It may be asked from anywhere: its connections live in the tokio runtime that it was made in.
/// Reading and writing have clients of their own, so that neither waits for the other.
pub struct KafkaLog {
    runtime: Handle,
    settings: Arc<KafkaSettings>,
    writing: Arc<Clients>,
    counts: Counts,
    places: BTreeMap<(Topic, Partition), Place>,
}

/// One partition.
struct Place {
    reader: Arc<Reader>,
    writer: OnceLock<Writer>,
}

/// A partition that does not exist.
#[derive(Debug, thiserror::Error)]
#[error("{topic} has no partition {partition}")]
struct NoPartition {
    topic: Topic,
    partition: Partition,
}

/// Settings that name no broker.
#[derive(Debug, thiserror::Error)]
#[error("no broker is named")]
struct NoBroker;

impl KafkaLog {
    /// Connects to Kafka, and makes the topics that are missing. Is to be called in a tokio runtime
    /// with I/O and time, which the log uses from then on.
    ///
    /// # Errors
    ///
    /// [`PortError::Broken`] if the settings are of no use; [`PortError::Unavailable`] if no broker
    /// answers, or none lets this client in: it may be tried again.
    pub async fn connect(settings: KafkaSettings) -> PortResult<Arc<Self>> {
        let broken = |source| PortError::Broken { what: "connecting to Kafka", source };
        if settings.brokers.is_empty() {
            return Err(broken(Box::new(NoBroker)));
        }
        let tls = settings.tls.as_ref().map(tls::client_config).transpose();
        let tls = tls.map_err(|error| broken(Box::new(error)))?;
        let settings = Arc::new(settings);
        let clients = || Arc::new(Clients::new(Arc::clone(&settings), tls.clone()));
        let (reading, writing) = (clients(), clients());
        let counts = topics::prepare(&writing, &settings).await.map_err(CallError::reading)?;
        let place = |topic, partition| {
            let name = topics::name(&settings, topic);
            let reading = Arc::clone(&reading);
            let reader = Reader::new(reading, settings.deadline, name, partition).into();
            ((topic, partition), Place { reader, writer: OnceLock::new() })
        };
        let places = counts
            .iter()
            .flat_map(|(topic, count)| (0..*count).map(|partition| place(*topic, partition)))
            .collect();
        Ok(Arc::new(Self { runtime: Handle::current(), settings, writing, counts, places }))
    }

    fn place(&self, topic: Topic, partition: Partition) -> PortResult<&Place> {
        self.places.get(&(topic, partition)).ok_or_else(|| PortError::Broken {
            what: "finding the partition",
            source: Box::new(NoPartition { topic, partition }),
        })
    }

    /// Does something in the log's own runtime, as long as somebody waits for it.
    async fn run<T: Send + 'static>(
        &self,
        task: impl Future<Output = PortResult<T>> + Send + 'static,
    ) -> PortResult<T> {
        match AbortOnDropHandle::new(self.runtime.spawn(task)).await {
            Ok(answer) => answer,
            Err(_) => Err(CallError::Closed.reading()),
        }
    }
}

#[async_trait]
impl Log for KafkaLog {
    fn partitions(&self, topic: Topic) -> u32 {
        self.counts.get(&topic).copied().unwrap_or_default()
    }

    async fn publish(
        &self,
        topic: Topic,
        partition: Partition,
        records: Vec<Record>,
    ) -> PortResult<u64> {
        if records.is_empty() {
            return Ok(self.bounds(topic, partition).await?.next);
        }
        let writer = self.place(topic, partition)?.writer.get_or_init(|| {
            let name = topics::name(&self.settings, topic);
            let clients = Arc::clone(&self.writing);
            Writer::start(&self.runtime, clients, &self.settings, name, partition)
        });
        writer.publish(records).await
    }

    async fn fetch(
        &self,
        topic: Topic,
        partition: Partition,
        offset: u64,
        max_bytes: usize,
        wait: Duration,
    ) -> PortResult<Fetched> {
        let reader = Arc::clone(&self.place(topic, partition)?.reader);
        self.run(async move { reader.fetch(offset, max_bytes, wait).await }).await
    }

    async fn bounds(&self, topic: Topic, partition: Partition) -> PortResult<Bounds> {
        let reader = Arc::clone(&self.place(topic, partition)?.reader);
        self.run(async move { reader.bounds().await }).await
    }
}

soma_core::opaque_debug!(KafkaLog);
