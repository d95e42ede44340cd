//! Tails `conversation.outbound` once for a whole gateway, and hands what it says to the hub.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{Either, select};

use super::hub::Hub;
use super::run_concurrently::run_concurrently;
use super::stop::Stop;
use super::sweep_followed::sweep;
use super::world::World;
use crate::conversation::event::Event;
use crate::outbox::message::Record;
use crate::outbox::partition::Partition;
use crate::outbox::topic::Topic;
use crate::ports::log::{Fetched, Positioned, is_passing};
use crate::ports::{Log, PortResult, Store};
use crate::redact::json_error;
use crate::stream::delta::Delta;

const TOPIC: Topic = Topic::ConversationOutbound;
/// How long a fetch may wait for a record: it is told of each that comes.
const WAIT: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(200);
const MAX_BYTES: usize = 1 << 20;
/// How many records before the end a gateway begins to read: to know the answers that are being
/// given while it starts. An answer that began earlier is shown whole when it ends.
const LOOK_BACK: u64 = 2_000;

/// Tails the log.
#[derive(Clone)]
pub struct TailOutbound {
    log: Arc<dyn Log>,
    store: Arc<dyn Store>,
    hub: Hub,
    world: World,
}

impl TailOutbound {
    /// Builds the use case. The store has what the log fails to tell.
    pub fn new(log: Arc<dyn Log>, store: Arc<dyn Store>, hub: Hub, world: World) -> Self {
        Self { log, store, hub, world }
    }

    /// Tails every partition until `stop`, and looks into the store now and then.
    pub async fn run(&self, stop: &Stop) {
        let sweep = sweep(&*self.store, &self.hub, &self.world, stop).boxed();
        let partitions = 0..self.log.partitions(TOPIC);
        let tails = partitions.map(|partition| self.tail(partition, stop).boxed());
        run_concurrently(std::iter::once(sweep).chain(tails)).await;
    }

    async fn tail(&self, partition: Partition, stop: &Stop) {
        let mut position = None;
        while !stop.is_set() {
            let reading = std::pin::pin!(self.read(partition, &mut position));
            let stopped = std::pin::pin!(stop.wait());
            match select(reading, stopped).await {
                Either::Left((Err(error), _)) => {
                    tracing::warn!(%error, partition, "tailing is tried again");
                    self.world.pause(PAUSE, stop).await;
                }
                Either::Left((Ok(()), _)) | Either::Right(_) => {}
            }
        }
    }

    async fn read(&self, partition: Partition, position: &mut Option<u64>) -> PortResult<()> {
        let Some(offset) = *position else {
            let bounds = self.log.bounds(TOPIC, partition).await?;
            *position = Some(bounds.next.saturating_sub(LOOK_BACK).max(bounds.earliest));
            return Ok(());
        };
        match self.log.fetch(TOPIC, partition, offset, MAX_BYTES, WAIT).await? {
            Fetched::Records(records) => {
                for Positioned { offset, record } in records {
                    self.take(&record);
                    *position = Some(offset + 1);
                }
            }
            Fetched::OutOfRange(_) => *position = None,
            Fetched::Unreadable { offset, found } => {
                let error = found.error;
                tracing::warn!(error, partition, offset, "a record that cannot be read is skipped");
                *position = Some(offset + 1);
            }
        }
        Ok(())
    }

    fn take(&self, record: &Record) {
        let of_interest = record.key.parse().is_ok_and(|session| self.hub.knows(session));
        if is_passing(record) {
            match serde_json::from_slice::<Delta>(&record.value) {
                Ok(delta) => self.hub.delta(&delta),
                Err(error) => {
                    let error = json_error(&error);
                    tracing::warn!(
                        error,
                        key = record.key,
                        "a delta that cannot be read is skipped"
                    );
                }
            }
        } else if of_interest {
            match serde_json::from_slice::<Event>(&record.value) {
                Ok(event) => self.hub.event(Arc::new(event)),
                Err(error) => {
                    let error = json_error(&error);
                    tracing::warn!(
                        error,
                        key = record.key,
                        "an event that cannot be read is skipped"
                    );
                }
            }
        }
    }
}

crate::opaque_debug!(TailOutbound);
