//! One publish to one partition, and what becomes of messages that can never be published.

use tracing::Span;

use super::RelayOutbox;
use super::TopicPartition;
use crate::observe;
use crate::outbox::dead::{DeadLetter, Headers, Origin};
use crate::outbox::message::{OutboxMessage, OutboxRow, Record};
use crate::outbox::topic::Topic;
use crate::ports::outbox::SettledRow;
use crate::ports::{PortError, PortResult};
use crate::spans;
use crate::unreadable::Unreadable;
use crate::work::lease::PartitionLease;

/// The most that is published at once, in bytes of payloads, unless one row has more: logs take no
/// batch of any size, Kafka 1 MB unless told otherwise.
const MOST_BYTES: usize = 512 * 1024;

/// A row, and the lease of its lane.
type Leased = (PartitionLease, OutboxRow);

/// Rows for one partition, in the order of each key.
pub(super) struct Batch {
    /// Which partition; none for rows without a message.
    pub(super) target: Option<TopicPartition>,
    pub(super) rows: Vec<Leased>,
}

/// How a publish ended.
pub(super) struct Outcome {
    pub(super) target: Option<TopicPartition>,
    /// The rows that are done with.
    pub(super) done: Vec<(PartitionLease, SettledRow)>,
    /// Why the others are not.
    pub(super) error: Option<PortError>,
}

impl RelayOutbox {
    /// Publishes rows, as many at once as a log may be given. Nothing overtakes one that has failed
    /// for now.
    pub(super) async fn publish(&self, batch: Batch) -> Outcome {
        let Batch { target, rows } = batch;
        let mut done = Vec::new();
        for rows in portions(rows) {
            let outcome = self.publish_at_once(target, rows).await;
            done.extend(outcome.done);
            if outcome.error.is_some() {
                return Outcome { done, ..outcome };
            }
        }
        Outcome { target, done, error: None }
    }

    /// Publishes all rows at once. If something of it can never be published, one message after the
    /// other.
    async fn publish_at_once(&self, target: Option<TopicPartition>, rows: Vec<Leased>) -> Outcome {
        let messages = rows.iter().flat_map(|(_, row)| &row.messages);
        match self.append(target, messages).await {
            Ok(()) => {
                observe::published("success");
                let settled = |(lease, row)| (lease, self.settled(&row));
                Outcome { target, done: rows.into_iter().map(settled).collect(), error: None }
            }
            Err(PortError::Broken { .. }) => self.one_by_one(target, rows).await,
            Err(error) => {
                observe::published("retry");
                Outcome { target, done: Vec::new(), error: Some(error) }
            }
        }
    }

    async fn one_by_one(&self, target: Option<TopicPartition>, rows: Vec<Leased>) -> Outcome {
        let mut done = Vec::new();
        for (lease, row) in rows {
            let mut settled = self.settled(&row);
            for message in &row.messages {
                match self.append(target, [message]).await {
                    Ok(()) => observe::published("success"),
                    Err(error @ PortError::Broken { .. }) => {
                        observe::published("failed");
                        let letter = self.letter(target, &row, message, error.to_string());
                        settled.dead.push(letter);
                    }
                    Err(error) => {
                        observe::published("retry");
                        return Outcome { target, done, error: Some(error) };
                    }
                }
            }
            done.push((lease, settled));
        }
        Outcome { target, done, error: None }
    }

    /// A row whose messages were published; one that cannot be read leaves a dead letter.
    fn settled(&self, row: &OutboxRow) -> SettledRow {
        let letter = |unreadable: &Unreadable| DeadLetter {
            topic: Topic::ConversationOutbound,
            partition: None,
            offset: None,
            key: format!("outbox row {}", row.id),
            tenant: None,
            payload: unreadable.raw.clone(),
            error: format!("the row cannot be read: {}", unreadable.error),
            at: self.world.clock.now(),
            origin: Origin::State,
        };
        SettledRow { id: row.id, dead: row.unreadable.iter().map(letter).collect() }
    }

    async fn append(
        &self,
        target: Option<TopicPartition>,
        messages: impl IntoIterator<Item = &OutboxMessage> + Send,
    ) -> PortResult<()> {
        let Some((topic, partition)) = target else { return Ok(()) };
        // Not when they were committed: what is published again is to be told from what was there.
        let at = self.world.clock.now();
        let records: Vec<Record> = messages.into_iter().map(|message| message.record(at)).collect();
        let send = |record: &Record| {
            let id = record.header("event_id").unwrap_or_default();
            spans::send(topic, id, record.trace().as_ref())
        };
        let spans: Vec<Span> = records.iter().map(send).collect();
        let published = self.log.publish(topic, partition, records).await;
        if published.is_err() {
            for span in &spans {
                spans::failed(span, "unavailable");
            }
        }
        published.map(drop)
    }

    /// A message with which it can be published later, unless it is a dead letter itself: that one holds
    /// another already, and would be longer again.
    fn letter(
        &self,
        target: Option<TopicPartition>,
        row: &OutboxRow,
        message: &OutboxMessage,
        error: String,
    ) -> DeadLetter {
        let (payload, origin) = if message.topic == message.topic.source() {
            Origin::message(&message.payload, Headers::to_send(message))
        } else {
            (format!("{} of outbox row {}", message.event_id, row.id), Origin::State)
        };
        DeadLetter {
            topic: message.topic.source(),
            partition: target.map(|(_, partition)| partition),
            offset: None,
            key: message.key.clone(),
            tenant: Some(message.tenant.clone()),
            payload,
            error,
            at: self.world.clock.now(),
            origin,
        }
    }
}

/// Rows in their order, in portions of [`MOST_BYTES`] at most or of one row.
fn portions(rows: Vec<Leased>) -> Vec<Vec<Leased>> {
    let mut portions: Vec<Vec<Leased>> = Vec::new();
    let mut bytes = 0;
    for (lease, row) in rows {
        let size: usize = row.messages.iter().map(|message| message.payload.len()).sum();
        bytes += size;
        match portions.last_mut() {
            Some(portion) if bytes <= MOST_BYTES => portion.push((lease, row)),
            Some(_) | None => {
                bytes = size;
                portions.push(vec![(lease, row)]);
            }
        }
    }
    portions
}
