//! What a naive client knows of a session: it clears its text when the answer restarts, appends
//! what comes, and compares at the terminal event.

use std::collections::BTreeMap;

use serde_json::Value;
use soma_core::conversation::event::{Event, EventType, Seq};
use soma_core::ids::TurnId;
use soma_core::stream::resume::{Frame, FrameBody};

/// How a turn ended, as its client saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// With an answer, or with a failure.
    pub kind: EventType,
    /// Why there is no answer.
    pub reason: Option<String>,
    /// What people are told.
    pub message: String,
    /// The text that was assembled.
    pub text: String,
    /// The attempt that made it to the end.
    pub attempt: u64,
    /// The tokens it used.
    pub tokens: u64,
}

/// What a client knows.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// The last id it saw, as text.
    pub cursor: Option<String>,
    /// The text of the running answer.
    pub text: String,
    /// The types of the events it saw, in order.
    pub kinds: Vec<EventType>,
    /// The events it saw, in order.
    pub events: Vec<Event>,
    /// Turns that ended, in the order in which they did.
    pub order: Vec<TurnId>,
    /// How they did.
    pub ended: BTreeMap<TurnId, Ended>,
    /// What the model thought, by turn and call.
    pub thoughts: BTreeMap<(TurnId, u32), String>,
    /// Whether it was told that the session was deleted.
    pub deleted: bool,
    seq: Seq,
    /// The number of the last piece of the running answer.
    index: usize,
}

impl View {
    /// Takes a frame in.
    ///
    /// # Panics
    ///
    /// If it is not what may follow what was seen: a gap, a repetition, another text at the end.
    pub fn take(&mut self, frame: &Frame) {
        self.cursor = Some(frame.cursor.to_string());
        match &frame.body {
            FrameBody::Answer { offset, text, stream_index, .. } => {
                assert!(*stream_index > self.index, "the number of a piece counts up");
                self.index = *stream_index;
                assert_eq!(*offset, self.text.len(), "a piece has its place in the answer");
                self.text.push_str(text);
            }
            FrameBody::Reasoning { turn_id, call, offset, text, .. } => {
                let thought = self.thoughts.entry((*turn_id, *call)).or_default();
                if *offset == 0 {
                    thought.clear();
                }
                assert_eq!(*offset, thought.len(), "a piece has its place in what is thought");
                thought.push_str(text);
            }
            FrameBody::Event(event) => self.event(event),
            FrameBody::Deleted => self.deleted = true,
        }
    }

    /// Forgets what it saw of the running answer.
    pub fn forget_answer(&mut self) {
        self.text.clear();
        self.index = 0;
    }

    /// How many events of a kind it saw.
    pub fn count(&self, kind: EventType) -> usize {
        self.kinds.iter().filter(|seen| **seen == kind).count()
    }

    fn event(&mut self, event: &Event) {
        assert_eq!(event.seq, self.seq.next(), "events have no gap and no repetition");
        self.seq = event.seq;
        self.kinds.push(event.kind);
        self.events.push(event.clone());
        if event.kind == EventType::AssistantRestarted {
            self.forget_answer();
        }
        if event.kind.is_terminal() {
            self.end(event);
        }
    }

    fn end(&mut self, event: &Event) {
        let text = std::mem::take(&mut self.text);
        self.index = 0;
        assert_eq!(text, event.answer(), "what was assembled is what was answered");
        let turn = event.turn_id.expect("a terminal event has a turn");
        let number = |name: &str| event.metadata.get(name).and_then(Value::as_u64);
        let usage = event.metadata.get("usage").and_then(|usage| usage.get("total_tokens"));
        let ended = Ended {
            kind: event.kind,
            message: event.message.clone(),
            reason: event.metadata.get("reason").and_then(Value::as_str).map(str::to_owned),
            text,
            attempt: number("attempt").unwrap_or_default(),
            tokens: usage.and_then(Value::as_u64).unwrap_or_default(),
        };
        self.order.push(turn);
        assert!(self.ended.insert(turn, ended).is_none(), "a turn ends once");
    }
}
