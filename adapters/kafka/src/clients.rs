//! Connections to the brokers.

use std::sync::Arc;
use std::time::Duration;

use rskafka::BackoffConfig;
use rskafka::client::partition::{PartitionClient, UnknownTopicHandling};
use rskafka::client::{Client, ClientBuilder, Credentials, SaslConfig};
use rustls::ClientConfig;
use soma_core::outbox::partition::Partition;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::error::CallError;
use crate::nodelay;
use crate::settings::{KafkaSettings, Mechanism, Sasl};

/// No frame is refused for its length: what brokers took (`message.max.bytes`) can be read, or else a
/// partition would stand still before it.
const LONGEST_FRAME: usize = i32::MAX as usize;

/// Nothing is tried again in secret: what was asked, is asked once, and its outcome is told.
const ONCE: BackoffConfig = BackoffConfig {
    init_backoff: Duration::from_millis(1),
    max_backoff: Duration::from_millis(2),
    base: 2.0,
    deadline: Some(Duration::ZERO),
};

/// Makes connections. What it knows of the cluster is forgotten with each that fails: rskafka 0.6 does
/// not always notice that a partition has another leader.
pub(crate) struct Clients {
    settings: Arc<KafkaSettings>,
    tls: Option<Arc<ClientConfig>>,
    known: Mutex<Option<Arc<Client>>>,
}

/// A connection to the leader of a partition. Its requests are answered in their order, so there is
/// one at a time.
pub(crate) struct Connection {
    pub(crate) partition: PartitionClient,
    cluster: Arc<Client>,
}

impl Clients {
    pub(crate) fn new(settings: Arc<KafkaSettings>, tls: Option<Arc<ClientConfig>>) -> Self {
        Self { settings, tls, known: Mutex::new(None) }
    }

    /// A new connection to the leader of a partition.
    ///
    /// # Errors
    ///
    /// [`CallError::NoConnection`].
    pub(crate) async fn connect(
        &self,
        topic: &str,
        partition: Partition,
    ) -> Result<Connection, CallError> {
        self.try_connect(topic, partition)
            .await
            .map_err(|error| CallError::NoConnection(Arc::new(error)))
    }

    async fn try_connect(
        &self,
        topic: &str,
        partition: Partition,
    ) -> Result<Connection, CallError> {
        let cluster = self.cluster().await?;
        let number = i32::try_from(partition).unwrap_or(i32::MAX);
        let client = cluster.partition_client(topic, number, UnknownTopicHandling::Error);
        match within(self.settings.deadline, client).await {
            Ok(partition) => {
                nodelay::set_everywhere();
                Ok(Connection { partition, cluster })
            }
            Err(error) => {
                self.forget(&cluster).await;
                Err(error)
            }
        }
    }

    /// Nothing more is asked by this connection, nor by what was known when it was made.
    pub(crate) async fn discard(&self, connection: Connection) {
        self.forget(&connection.cluster).await;
    }

    /// The cluster, as one of its brokers described it.
    pub(crate) async fn cluster(&self) -> Result<Arc<Client>, CallError> {
        // Who waits for another to be told shares the deadline, and asks only in the rest of it.
        within(self.settings.deadline, async {
            let mut known = self.known.lock().await;
            if let Some(cluster) = &*known {
                return Ok(Arc::clone(cluster));
            }
            let cluster = Arc::new(self.builder().build().await?);
            nodelay::set_everywhere();
            *known = Some(Arc::clone(&cluster));
            Ok(cluster)
        })
        .await
    }

    pub(crate) async fn forget(&self, cluster: &Arc<Client>) {
        let mut known = self.known.lock().await;
        if known.as_ref().is_some_and(|known| Arc::ptr_eq(known, cluster)) {
            *known = None;
        }
    }

    fn builder(&self) -> ClientBuilder {
        let KafkaSettings { brokers, client_id, sasl, .. } = &*self.settings;
        let mut builder = ClientBuilder::new(brokers.clone())
            .client_id(client_id.as_str())
            .max_message_size(LONGEST_FRAME)
            .backoff_config(ONCE);
        if let Some(tls) = &self.tls {
            builder = builder.tls_config(Arc::clone(tls));
        }
        match sasl {
            Some(sasl) => builder.sasl_config(sasl_config(sasl)),
            None => builder,
        }
    }
}

fn sasl_config(sasl: &Sasl) -> SaslConfig {
    let credentials = Credentials::new(sasl.user.clone(), sasl.password.clone());
    match sasl.mechanism {
        Mechanism::Plain => SaslConfig::Plain(credentials),
        Mechanism::ScramSha256 => SaslConfig::ScramSha256(credentials),
        Mechanism::ScramSha512 => SaslConfig::ScramSha512(credentials),
    }
}

/// The answer to a call, if it comes in time. rskafka 0.6 waits for ever.
pub(crate) async fn within<T>(
    deadline: Duration,
    call: impl Future<Output = rskafka::client::error::Result<T>>,
) -> Result<T, CallError> {
    match timeout(deadline, call).await {
        Ok(answer) => answer.map_err(CallError::from),
        Err(_) => Err(CallError::NoAnswer(deadline)),
    }
}
