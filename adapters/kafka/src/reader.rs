//! Reads of one partition.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rskafka::client::error::ProtocolError;
use rskafka::client::partition::OffsetAt;
use rskafka::record::RecordAndOffset;
use soma_core::outbox::partition::Partition;
use soma_core::ports::PortResult;
use soma_core::ports::log::{Bounds, Fetched};
use soma_core::unreadable::Unreadable;

use crate::clients::{Clients, Connection, within};
use crate::codec;
use crate::error::CallError;

/// How many connections are kept that nobody uses.
const IDLE: usize = 2;

const NOTHING: &str =
    "nothing here can be read: a marker of a transaction, or a batch that is damaged";

/// Reads one partition. Whoever waits for records has a connection for himself meanwhile: its other
/// requests would wait, too.
pub(crate) struct Reader {
    clients: Arc<Clients>,
    deadline: Duration,
    topic: String,
    partition: Partition,
    idle: Mutex<Vec<Connection>>,
}

/// A part of a partition that is asked for.
#[derive(Clone, Copy)]
struct Part {
    offset: u64,
    max_bytes: usize,
    wait: Duration,
}

/// Records, and the offset above the newest.
type Answer = (Vec<RecordAndOffset>, u64);

impl Reader {
    pub(crate) fn new(
        clients: Arc<Clients>,
        deadline: Duration,
        topic: String,
        partition: Partition,
    ) -> Self {
        Self { clients, deadline, topic, partition, idle: Mutex::default() }
    }

    /// As [`Log::fetch`](soma_core::ports::Log::fetch).
    pub(crate) async fn fetch(
        &self,
        offset: u64,
        max_bytes: usize,
        wait: Duration,
    ) -> PortResult<Fetched> {
        self.try_fetch(Part { offset, max_bytes, wait }).await.map_err(CallError::reading)
    }

    /// Where the partition begins and ends. What a transaction has not committed is not yet in it.
    pub(crate) async fn bounds(&self) -> PortResult<Bounds> {
        self.try_bounds().await.map_err(CallError::reading)
    }

    async fn try_fetch(&self, part: Part) -> Result<Fetched, CallError> {
        let asked = match self.ask(self.connection().await?, part).await {
            // It was closed while nobody used it, or just now. Asking again harms nothing.
            Err(error) if error.is_broken_connection() => {
                self.ask(self.connect().await?, part).await
            }
            answer => answer,
        };
        match asked {
            Ok((records, _)) if !records.is_empty() => Ok(read(records, part)),
            Ok((_, next)) if next <= part.offset => Ok(Fetched::Records(Vec::new())),
            Ok(_) => self.look_closely(part).await,
            Err(error) if error.protocol() == Some(ProtocolError::OffsetOutOfRange) => {
                self.out_of_range(part.offset).await
            }
            Err(error) if error.is_undecodable() => self.look_closely(part).await,
            Err(error) => Err(error),
        }
    }

    /// Something from the position on cannot be read. rskafka decodes an answer as a whole, so this
    /// asks for the one batch at the position, which brokers always send whole; and by a new
    /// connection, so that what the old one garbled is not taken for damage.
    async fn look_closely(&self, part: Part) -> Result<Fetched, CallError> {
        let Part { offset, .. } = part;
        let one = Part { max_bytes: 1, wait: Duration::ZERO, ..part };
        let error = match self.ask(self.connect().await?, one).await {
            Ok((records, _)) if !records.is_empty() => return Ok(read(records, part)),
            // Records of a transaction that is not committed come later.
            Ok(_) if self.try_bounds().await?.next <= offset => {
                return Ok(Fetched::Records(Vec::new()));
            }
            Ok(_) => NOTHING.to_owned(),
            Err(error) if error.is_undecodable() => error.to_string(),
            Err(error) => return Err(error),
        };
        Ok(Fetched::Unreadable { offset, found: Unreadable { error, raw: String::new() } })
    }

    async fn out_of_range(&self, offset: u64) -> Result<Fetched, CallError> {
        let bounds = self.try_bounds().await?;
        // Records may have come meanwhile: the next fetch finds them.
        let within = (bounds.earliest..=bounds.next).contains(&offset);
        Ok(if within { Fetched::Records(Vec::new()) } else { Fetched::OutOfRange(bounds) })
    }

    async fn try_bounds(&self) -> Result<Bounds, CallError> {
        match self.ask_bounds(self.connection().await?).await {
            Err(error) if error.is_broken_connection() => {
                self.ask_bounds(self.connect().await?).await
            }
            answer => answer,
        }
    }

    async fn ask(&self, connection: Connection, part: Part) -> Result<Answer, CallError> {
        let Part { offset, max_bytes, wait } = part;
        let offset = i64::try_from(offset).unwrap_or(i64::MAX);
        // rskafka asks for one byte less than the end of the range.
        let bytes = 1..i32::try_from(max_bytes.saturating_add(1)).unwrap_or(i32::MAX).max(2);
        let millis = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
        let answer = {
            let call = connection.partition.fetch_records(offset, bytes, millis);
            within(self.deadline.saturating_add(wait), call).await
        };
        self.done_with(connection, &answer).await;
        let (records, next) = answer?;
        Ok((records, u64::try_from(next).unwrap_or_default()))
    }

    async fn ask_bounds(&self, connection: Connection) -> Result<Bounds, CallError> {
        let answer = within(self.deadline, async {
            let earliest = connection.partition.get_offset(OffsetAt::Earliest).await?;
            Ok((earliest, connection.partition.get_offset(OffsetAt::Latest).await?))
        })
        .await;
        self.done_with(connection, &answer).await;
        let (earliest, next) = answer?;
        let offset = |number| u64::try_from(number).unwrap_or_default();
        Ok(Bounds { earliest: offset(earliest), next: offset(next) })
    }

    /// A connection that nobody uses.
    async fn connection(&self) -> Result<Connection, CallError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match idle {
            Some(connection) => Ok(connection),
            None => self.connect().await,
        }
    }

    async fn connect(&self) -> Result<Connection, CallError> {
        self.clients.connect(&self.topic, self.partition).await
    }

    /// Keeps a connection that answers, also if the answer is of no use.
    async fn done_with<T>(&self, connection: Connection, answer: &Result<T, CallError>) {
        let is_sound = match answer {
            Ok(_) => true,
            Err(error) => {
                error.is_undecodable() || error.protocol() == Some(ProtocolError::OffsetOutOfRange)
            }
        };
        if !is_sound {
            self.clients.discard(connection).await;
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE {
            idle.push(connection);
        }
    }
}

/// The records, at least one of them, up to one that cannot be read, and no more than asked.
fn read(records: Vec<RecordAndOffset>, part: Part) -> Fetched {
    let mut bytes = 0_usize;
    let mut found = Vec::new();
    for record in records {
        match codec::decode(record) {
            Ok(place) => {
                bytes = bytes.saturating_add(place.record.value.len().max(1));
                if !found.is_empty() && bytes > part.max_bytes {
                    break;
                }
                found.push(place);
            }
            Err((offset, unreadable)) if found.is_empty() => {
                return Fetched::Unreadable { offset, found: unreadable };
            }
            Err(_) => break,
        }
    }
    Fetched::Records(found)
}
