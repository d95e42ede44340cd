//! What is to be published.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use deadpool_redis::redis::cmd;
use event_listener::Event;
use futures_util::future::{Either, select};
use soma_core::ids::OwnerId;
use soma_core::ports::{Notification, Timer};

use super::BEAT;
use super::names::Message;
use crate::client::Redis;
use crate::lock::locked;
use crate::names;

/// So many different notifications wait at most; of those beyond the others learn by looking.
const MOST: usize = 4_096;

/// How long what comes after a message is gathered for the next.
const GATHER: Duration = Duration::from_millis(1);

/// What waits to be published, each once.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    state: Mutex<State>,
    changed: Event,
}

#[derive(Debug, Default)]
struct State {
    waiting: BTreeSet<Notification>,
    is_publishing: bool,
}

impl Outgoing {
    pub(super) fn add(&self, about: Notification) {
        let mut state = locked(&self.state);
        let is_first = state.waiting.is_empty();
        if state.waiting.len() < MOST {
            state.waiting.insert(about);
        }
        drop(state);
        if is_first {
            self.changed.notify(usize::MAX);
        }
    }

    /// All that waits, once there is something.
    async fn take(&self) -> Vec<Notification> {
        loop {
            let changed = self.changed.listen();
            {
                let mut state = locked(&self.state);
                if !state.waiting.is_empty() {
                    state.is_publishing = true;
                    return std::mem::take(&mut state.waiting).into_iter().collect();
                }
            }
            changed.await;
        }
    }

    fn published(&self) {
        locked(&self.state).is_publishing = false;
        self.changed.notify(usize::MAX);
    }

    /// Resolves once nothing waits.
    pub(super) async fn flushed(&self) {
        loop {
            let changed = self.changed.listen();
            {
                let state = locked(&self.state);
                if state.waiting.is_empty() && !state.is_publishing {
                    return;
                }
            }
            changed.await;
        }
    }
}

/// Publishes what waits, and now and then nothing, without end.
pub(super) async fn publish(
    outgoing: Arc<Outgoing>,
    redis: Arc<Redis>,
    origin: OwnerId,
    timer: Arc<dyn Timer>,
) {
    let channel = names::wake(redis.prefix());
    loop {
        let about = match select(std::pin::pin!(outgoing.take()), timer.sleep(BEAT)).await {
            Either::Left((about, _)) => about,
            Either::Right(_) => Vec::new(),
        };
        let text = Message { origin, about }.encode();
        let heard = redis.ask::<()>(cmd("PUBLISH").arg(&channel).arg(&text)).await;
        if let Err(error) = heard {
            tracing::debug!(%error, "a notification is lost");
        }
        outgoing.published();
        timer.sleep(GATHER).await;
    }
}
