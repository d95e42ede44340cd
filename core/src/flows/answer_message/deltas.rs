//! Sends the running answer, and what the model thinks, as deltas: coalesced, one publish in flight,
//! each acknowledged before the next.

use super::drive::Drive;
use crate::conversation::event::Seq;
use crate::ids::{SessionId, TurnId};
use crate::outbox::message::Record;
use crate::outbox::partition::partition_of;
use crate::outbox::topic::Topic;
use crate::stream::delta::Delta;
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
    /// What the model thinks, in this call.
    reasoning: String,
    reasoning_sent: usize,
    call: u32,
}

impl Deltas {
    pub(super) fn new(generate: &Generate) -> Self {
        Self {
            text: generate.kept.clone(),
            kept: generate.kept.len(),
            sent: generate.streamed,
            attempt: generate.attempt,
            reasoning: String::new(),
            reasoning_sent: 0,
            call: generate.call,
        }
    }

    pub(super) fn think(&mut self, text: &str) {
        self.reasoning.push_str(text);
    }

    /// What the model thinks.
    pub(super) fn reasoning(&self) -> &str {
        &self.reasoning
    }

    pub(super) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// The text of this call.
    pub(super) fn own_text(&self) -> &str {
        self.text.get(self.kept..).unwrap_or_default()
    }

    pub(super) fn is_unsent(&self) -> bool {
        self.sent < self.text.len() || self.reasoning_sent < self.reasoning.len()
    }

    /// What was not sent.
    fn unsent(&self, session: SessionId, turn: TurnId, after: Seq) -> Vec<Delta> {
        let whole = || Delta::new(session, turn, after, self.attempt);
        let piece = |text: &str, sent| {
            text.get(sent..).filter(|piece| !piece.is_empty()).map(str::to_owned)
        };
        let thought = piece(&self.reasoning, self.reasoning_sent)
            .map(|piece| whole().thought(self.call).piece(self.reasoning_sent, piece));
        let said = piece(&self.text, self.sent).map(|piece| whole().piece(self.sent, piece));
        thought.into_iter().chain(said).collect()
    }

    fn all_sent(&mut self) {
        self.sent = self.text.len();
        self.reasoning_sent = self.reasoning.len();
    }
}

impl Drive<'_> {
    /// Sends what was not sent. If that fails, it stays unsent.
    pub(super) async fn flush(&self, deltas: &mut Deltas) {
        let Drive { claim, turn, .. } = self;
        let unsent = deltas.unsent(claim.session_id, turn.id(), self.chain.count);
        if unsent.is_empty() {
            return;
        }
        let log = &self.flow.ports.log;
        let trace = turn.accepted().and_then(|accepted| accepted.trace.as_ref());
        let at = self.flow.world.clock.now();
        let record = |delta: &Delta| {
            Record::direct(claim.session_id, &claim.tenant, &delta.kind, trace, delta, at)
        };
        let records: Vec<Record> = unsent.iter().map(record).collect();
        let partition = partition_of(&claim.session_id.to_string(), log.partitions(TOPIC));
        match log.publish(TOPIC, partition, records).await {
            Ok(_) => deltas.all_sent(),
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
