//! Making what is kept unreadable, as another build or a bad disk would: for tests.

use soma_core::conversation::event::{Event, Seq};
use soma_core::ids::{CallId, SessionId, TurnId};
use soma_core::tool::{CallRecord, ToolCall};
use soma_core::unreadable::Unreadable;

use super::InprocLedger;
use super::state::State;

impl InprocLedger {
    /// The last input of a turn cannot be read any more.
    pub fn damage_last_input(&self, turn: TurnId) {
        let mut state = self.state();
        let Some(found) = state.session_of_turn.get(&turn).copied() else { return };
        let conversation = state.conversations.get_mut(&found);
        let Some(turn) = conversation.and_then(|found| found.turn_mut(turn)) else { return };
        let Some(last) = turn.record.inputs.pop() else { return };
        let text = |input| serde_json::to_string(input).unwrap_or_default();
        let mut lines: Vec<String> = turn.record.inputs.iter().map(text).collect();
        lines.push(cut(text(&last)));
        turn.record.unreadable = Some(unreadable(lines.join("\n")));
    }

    /// What a call asks for cannot be read any more.
    pub fn damage_call(&self, call: CallId) {
        self.damage_record(call, |record| serde_json::to_string(&record.call));
    }

    /// What came of a call cannot be read any more.
    pub fn damage_outcome(&self, call: CallId) {
        self.damage_record(call, |record| serde_json::to_string(&record.outcome));
    }

    /// An event cannot be read any more.
    pub fn damage_event(&self, session: SessionId, seq: Seq) {
        let mut state = self.state();
        let Some(found) = state.conversations.get_mut(&session) else { return };
        if let Some(event) = found.events.iter_mut().find(|event| event.seq == seq) {
            let raw = unreadable(cut(serde_json::to_string(&*event).unwrap_or_default()));
            *event = Event::unreadable(session, seq, event.event_id, event.occurred_at, &raw);
        }
    }

    /// The oldest row of the outbox that has this session as its key cannot be read any more.
    pub fn damage_outbox_row(&self, session: SessionId) {
        self.state().outbox.damage(&session.to_string(), unreadable);
    }

    /// The memory writes of a session that wait cannot be read any more.
    pub fn damage_memories(&self, session: SessionId) {
        self.state().memory.damage(session);
    }

    fn damage_record(
        &self,
        call: CallId,
        text: impl FnOnce(&CallRecord) -> serde_json::Result<String>,
    ) {
        let mut state = self.state();
        let State { session_of_call, conversations, .. } = &mut *state;
        let found = session_of_call.get(&call).and_then(|found| conversations.get_mut(found));
        let Some(found) = found.and_then(|found| found.call_mut(call)) else { return };
        let text = text(&found.record).unwrap_or_default();
        found.record.unreadable = Some(unreadable(cut(text)));
        found.record.call = ToolCall::unknown(call);
        found.record.outcome = None;
    }
}

/// A text, one byte short: no JSON any more.
fn cut(mut text: String) -> String {
    text.pop();
    text
}

fn unreadable(raw: String) -> Unreadable {
    Unreadable { error: "it was damaged".into(), raw }
}
