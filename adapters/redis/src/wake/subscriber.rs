//! Hearing what other processes publish.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{Either, select};
use soma_core::ids::OwnerId;
use soma_core::ports::{PortResult, Timer, Wake};

use super::BEAT;
use super::names::Message;
use crate::client::Redis;
use crate::names;

/// After so much silence the connection is taken for dead.
const SILENCE: Duration = Duration::from_secs(3 * BEAT.as_secs());

/// How long to wait before subscribing again: at first, and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// Passes on what others publish.
pub(super) struct Subscriber {
    redis: Arc<Redis>,
    local: Arc<dyn Wake>,
    origin: OwnerId,
}

impl Subscriber {
    pub(super) fn new(redis: Arc<Redis>, local: Arc<dyn Wake>, origin: OwnerId) -> Self {
        Self { redis, local, origin }
    }

    /// Listens without end, and subscribes again whenever the connection is lost.
    pub(super) async fn listen(self, timer: Arc<dyn Timer>) {
        let (first, most) = PAUSES;
        let mut pause = first;
        loop {
            match self.listen_once(&*timer).await {
                Ok(()) => {
                    tracing::info!("the subscription to notifications is lost");
                    pause = first;
                }
                Err(error) => {
                    tracing::debug!(%error, "no subscription to notifications");
                    pause = most.min(2 * pause);
                }
            }
            timer.sleep(pause).await;
        }
    }

    /// Subscribes, and passes on what comes until the connection is lost.
    async fn listen_once(&self, timer: &dyn Timer) -> PortResult<()> {
        let channel = names::wake(self.redis.prefix());
        let mut connection = self.redis.subscribe(&channel).await?;
        let mut messages = connection.on_message();
        while let Either::Left((Some(message), _)) =
            select(messages.next(), timer.sleep(SILENCE)).await
        {
            self.pass_on(&message.get_payload::<String>().unwrap_or_default());
        }
        Ok(())
    }

    fn pass_on(&self, text: &str) {
        match Message::decode(text) {
            Some(message) if message.origin == self.origin => {}
            Some(message) => message.about.iter().for_each(|about| self.local.notify(*about)),
            None => tracing::warn!("something that is no notification was published as one"),
        }
    }
}
