//! What a naive client knows of a session: it clears its text when the answer restarts, appends what
//! comes, and compares at the terminal event.

use std::collections::BTreeSet;
use std::sync::Arc;

use soma_core::conversation::event::{Event, EventType, Seq};
use soma_core::ids::TurnId;
use soma_core::stream::cursor::Cursor;
use soma_core::stream::resume::{Frame, FrameBody, Style};

use crate::audit::{Audit, Invariant};

/// What a client knows.
#[derive(Debug)]
pub(super) struct View {
    audit: Arc<Audit>,
    /// The last id it saw, as text: what it sends as `Last-Event-ID`.
    pub(super) cursor: Option<String>,
    /// Turns that ended.
    pub(super) ended: BTreeSet<TurnId>,
    /// The text of the running answer.
    text: String,
    seq: Seq,
}

impl View {
    /// A client that has seen nothing.
    pub(super) const fn new(audit: Arc<Audit>) -> Self {
        Self { audit, cursor: None, ended: BTreeSet::new(), text: String::new(), seq: Seq(0) }
    }

    /// Where it is.
    pub(super) fn position(&self) -> Cursor {
        let parsed = self.cursor.as_deref().map(str::parse);
        match parsed {
            None => Cursor::default(),
            Some(Ok(cursor)) => cursor,
            Some(Err(error)) => {
                self.audit.violate(Invariant::Assembled, format!("an id cannot be read: {error}"));
                Cursor::default()
            }
        }
    }

    /// Takes a frame in, and finds what is wrong with it.
    pub(super) fn take(&mut self, frame: &Frame) {
        self.cursor = Some(frame.cursor.to_string());
        match &frame.body {
            FrameBody::Event(event) => self.event(event),
            FrameBody::Answer { text, style: Style::Cumulative, turn_id, .. } => {
                if !text.starts_with(&self.text) && !self.text.starts_with(text.as_str()) {
                    let what = format!("the answer of {turn_id} became another without a restart");
                    self.audit.violate(Invariant::Assembled, what);
                }
                self.text.clone_from(text);
            }
            FrameBody::Answer { offset, text, turn_id, .. } => {
                if *offset != self.text.len() {
                    let at = self.text.len();
                    let what = format!("a piece for byte {offset} of {turn_id} came at byte {at}");
                    self.audit.violate(Invariant::Assembled, what);
                }
                self.text.push_str(text);
            }
        }
    }

    fn event(&mut self, event: &Event) {
        if event.seq != self.seq.next() {
            let what =
                format!("event {} came after {} in {}", event.seq.0, self.seq.0, event.session_id);
            self.audit.violate(Invariant::Order, what);
        }
        self.seq = event.seq;
        if event.kind == EventType::AssistantRestarted {
            self.text.clear();
        }
        if event.kind.is_terminal() {
            self.end(event);
        }
    }

    fn end(&mut self, event: &Event) {
        let text = std::mem::take(&mut self.text);
        if text != event.answer() {
            let what =
                format!("{:?} assembled {text:?}, it is {:?}", event.turn_id, event.answer());
            self.audit.violate(Invariant::Assembled, what);
        }
        let Some(turn) = event.turn_id else { return };
        if !self.ended.insert(turn) {
            self.audit.violate(Invariant::NothingDuplicated, format!("{turn} ended twice"));
        }
    }
}
