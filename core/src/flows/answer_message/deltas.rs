//! Sends the running answer as deltas: coalesced, one publish in flight, each acknowledged before
//! the next.

use super::drive::Drive;
use crate::outbox::message::Record;
use crate::outbox::partition::partition_of;
use crate::outbox::topic::Topic;
use crate::stream::delta::{DELTA_TYPE, Delta};
use crate::turn::step::Generate;

const TOPIC: Topic = Topic::ConversationOutbound;
/// How often the last piece is sent again before the terminal event is left to carry the text.
const LAST_TRIES: u32 = 5;

/// The answer of one model call, as far as it was sent.
pub(super) struct Deltas {
    /// The whole answer so far, with what earlier rounds said.
    text: String,
    kept: usize,
    sent: usize,
    attempt: u32,
}

impl Deltas {
    pub(super) fn new(generate: &Generate) -> Self {
        Self {
            text: generate.kept.clone(),
            kept: generate.kept.len(),
            sent: generate.streamed,
            attempt: generate.attempt,
        }
    }

    pub(super) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// The text of this call.
    pub(super) fn own_text(&self) -> &str {
        self.text.get(self.kept..).unwrap_or_default()
    }

    pub(super) fn is_unsent(&self) -> bool {
        self.sent < self.text.len()
    }
}

impl Drive<'_> {
    /// Sends what was not sent. If that fails, it stays unsent.
    pub(super) async fn flush(&self, deltas: &mut Deltas) {
        let Some(piece) = deltas.text.get(deltas.sent..).filter(|piece| !piece.is_empty()) else {
            return;
        };
        let Drive { claim, turn, .. } = self;
        let delta = Delta::new(claim.session_id, turn.id(), self.chain.count, deltas.attempt)
            .piece(deltas.sent, piece);
        let log = &self.flow.ports.log;
        let trace = turn.accepted().and_then(|accepted| accepted.trace.as_ref());
        let at = self.flow.world.clock.now();
        let record = Record::direct(claim.session_id, &claim.tenant, DELTA_TYPE, trace, &delta, at);
        let partition = partition_of(&record.key, log.partitions(TOPIC));
        match log.publish(TOPIC, partition, vec![record]).await {
            Ok(_) => deltas.sent = deltas.text.len(),
            Err(error) => tracing::debug!(%error, "a delta is sent again"),
        }
    }

    /// Sends the last piece and has it acknowledged, so that no terminal event overtakes it. If the
    /// log does not take it, the terminal event carries the text.
    pub(super) async fn flush_all(&self, deltas: &mut Deltas) {
        for _ in 0..LAST_TRIES {
            self.flush(deltas).await;
            if !deltas.is_unsent() {
                return;
            }
        }
    }
}
