//! Publishes to one partition: joined, and one produce request at a time.

use std::sync::Arc;
use std::time::Duration;

use rskafka::client::partition::Compression as KafkaCompression;
use rskafka::record::Record as KafkaRecord;
use soma_core::outbox::message::Record;
use soma_core::outbox::partition::Partition;
use soma_core::ports::PortResult;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::clients::{Clients, Connection, within};
use crate::codec;
use crate::error::CallError;
use crate::settings::{Compression, KafkaSettings};

/// Which part of a full batch waits for no others.
const ENOUGH: usize = 8;

/// Publishes to one partition.
pub(crate) struct Writer {
    queue: mpsc::UnboundedSender<Publish>,
}

/// What somebody wants to have published.
struct Publish {
    records: Vec<Record>,
    bytes: usize,
    answer: oneshot::Sender<Result<u64, CallError>>,
}

impl Writer {
    /// Begins to publish, in a task that ends with this value.
    pub(crate) fn start(
        runtime: &Handle,
        clients: Arc<Clients>,
        settings: &KafkaSettings,
        topic: String,
        partition: Partition,
    ) -> Self {
        let (queue, publishes) = mpsc::unbounded_channel();
        let task = Task {
            clients,
            topic,
            partition,
            connection: None,
            publishes,
            ahead: None,
            batch_bytes: settings.batch_bytes,
            deadline: settings.deadline,
            compression: compression(settings.compression),
        };
        let linger = settings.linger;
        // An interval belongs to the runtime that it is made in.
        drop(runtime.spawn(async move {
            let mut pace = (!linger.is_zero()).then(|| interval(linger));
            if let Some(pace) = &mut pace {
                pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
            }
            task.run(pace).await;
        }));
        Self { queue }
    }

    /// Publishes records, at least one. Returns the offset of the first.
    pub(crate) async fn publish(&self, records: Vec<Record>) -> PortResult<u64> {
        let (answer, answered) = oneshot::channel();
        let bytes = records.iter().map(codec::size).sum();
        let answered = match self.queue.send(Publish { records, bytes, answer }) {
            Ok(()) => answered.await.unwrap_or(Err(CallError::Closed)),
            Err(_) => Err(CallError::Closed),
        };
        answered.map_err(CallError::publishing)
    }
}

/// What is published together.
struct Batch {
    publishes: Vec<Publish>,
    bytes: usize,
}

impl Batch {
    fn of(first: Publish) -> Self {
        Self { bytes: first.bytes, publishes: vec![first] }
    }

    fn add(&mut self, next: Publish) {
        self.bytes += next.bytes;
        self.publishes.push(next);
    }
}

/// The one who publishes.
struct Task {
    clients: Arc<Clients>,
    topic: String,
    partition: Partition,
    connection: Option<Connection>,
    publishes: mpsc::UnboundedReceiver<Publish>,
    /// What was taken out of the queue and did not fit any more.
    ahead: Option<Publish>,
    batch_bytes: usize,
    deadline: Duration,
    compression: KafkaCompression,
}

impl Task {
    async fn run(mut self, mut pace: Option<Interval>) {
        while let Some(first) = self.next().await {
            let mut batch = Batch::of(first);
            self.join(&mut batch);
            // At once if the last request was long ago, or if it is worth a request of its own.
            if batch.bytes < self.batch_bytes / ENOUGH
                && let Some(pace) = &mut pace
            {
                pace.tick().await;
                self.join(&mut batch);
            }
            self.publish(batch.publishes).await;
        }
    }

    async fn next(&mut self) -> Option<Publish> {
        match self.ahead.take() {
            Some(ahead) => Some(ahead),
            None => self.publishes.recv().await,
        }
    }

    /// Adds those who wait, as long as there is room.
    fn join(&mut self, batch: &mut Batch) {
        while self.ahead.is_none()
            && let Ok(next) = self.publishes.try_recv()
        {
            if batch.bytes.saturating_add(next.bytes) <= self.batch_bytes {
                batch.add(next);
            } else {
                self.ahead = Some(next);
            }
        }
    }

    /// Publishes a batch and answers each of it. If the broker refuses it for good, each is published
    /// alone: it may be one only that is to blame.
    async fn publish(&mut self, batch: Vec<Publish>) {
        match self.produce(&batch).await {
            Err(error) if batch.len() > 1 && error.is_for_good() => {
                for publish in batch {
                    let alone = [publish];
                    let answer = self.produce(&alone).await;
                    answer_each(alone, &answer);
                }
            }
            answer => answer_each(batch, &answer),
        }
    }

    async fn produce(&mut self, batch: &[Publish]) -> Result<u64, CallError> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.clients.connect(&self.topic, self.partition).await?,
        };
        let records = batch.iter().flat_map(|publish| &publish.records);
        let records: Vec<KafkaRecord> = records.map(codec::encode).collect();
        let answer =
            within(self.deadline, connection.partition.produce(records, self.compression)).await;
        match answer {
            Ok(offsets) => {
                self.connection = Some(connection);
                let first = offsets.first().copied().unwrap_or_default();
                Ok(u64::try_from(first).unwrap_or_default())
            }
            Err(error) => {
                if error.is_for_good() {
                    self.connection = Some(connection);
                } else {
                    self.clients.discard(connection).await;
                }
                Err(error)
            }
        }
    }
}

fn answer_each(batch: impl IntoIterator<Item = Publish>, answer: &Result<u64, CallError>) {
    let mut before = 0;
    for Publish { records, answer: asked, .. } in batch {
        // Who does not wait any more is not told.
        let _ = asked.send(answer.clone().map(|first| first + before));
        before += records.len() as u64;
    }
}

const fn compression(compression: Compression) -> KafkaCompression {
    match compression {
        Compression::None => KafkaCompression::NoCompression,
        Compression::Snappy => KafkaCompression::Snappy,
        Compression::Gzip => KafkaCompression::Gzip,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use soma_core::time::Timestamp;

    use super::*;

    /// A task whose queue has these publishes, by the sizes of their values.
    fn task(batch_bytes: usize, sizes: &[usize]) -> Task {
        let settings = Arc::new(KafkaSettings::new(["nowhere:9092"]));
        let (queue, publishes) = mpsc::unbounded_channel();
        for size in sizes {
            let record = Record {
                key: String::new(),
                value: vec![0; *size].into(),
                headers: BTreeMap::new(),
                at: Timestamp::from_micros(0),
            };
            let (answer, _) = oneshot::channel();
            let publish = Publish { bytes: *size, records: vec![record], answer };
            assert!(queue.send(publish).is_ok());
        }
        Task {
            clients: Arc::new(Clients::new(settings, None)),
            topic: "topic".into(),
            partition: 0,
            connection: None,
            publishes,
            ahead: None,
            batch_bytes,
            deadline: Duration::ZERO,
            compression: KafkaCompression::NoCompression,
        }
    }

    #[tokio::test]
    async fn publishes_are_joined_in_their_order_as_long_as_there_is_room() {
        let mut task = task(10, &[4, 5, 6, 1, 20, 3, 7]);

        let mut batches = Vec::new();
        while let Some(first) = task.next().await {
            let mut batch = Batch::of(first);
            task.join(&mut batch);
            batches.push(batch.publishes.iter().map(|one| one.bytes).collect::<Vec<_>>());
        }

        assert_eq!(batches, [vec![4, 5], vec![6, 1], vec![20], vec![3, 7]]);
    }

    #[test]
    fn each_is_told_where_its_own_records_begin() {
        let sizes = [1, 1, 1];
        let mut task = task(10, &sizes);
        let mut answers = Vec::new();
        let batch: Vec<_> = sizes
            .iter()
            .filter_map(|_| task.publishes.try_recv().ok())
            .map(|mut publish| {
                let (answer, told) = oneshot::channel();
                answers.push(told);
                publish.answer = answer;
                publish.records = vec![publish.records[0].clone(); 3];
                publish
            })
            .collect();

        answer_each(batch, &Ok(40));

        let told = answers.iter_mut().map(|told| told.try_recv().unwrap().unwrap());
        assert_eq!(told.collect::<Vec<_>>(), [40, 43, 46]);
    }
}
