//! What one client is sent, from the place where it left off: durable events in order, and between
//! them the pieces of the running answer that it has not seen.
//!
//! The invariant: between two starts of an answer, the pieces a client was sent add up to a prefix
//! of the answer, and to all of it when its terminal event is sent.

use std::sync::Arc;

use serde_json::Value;

use super::answer::RunningAnswer;
use super::cursor::{AnswerPosition, Cursor};
use crate::conversation::event::{Event, EventType, Seq};
use crate::ids::TurnId;

/// How the running answer is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// As pieces: `assistant.delta`.
    #[default]
    Deltas,
    /// As the whole text so far, again and again: `assistant.stream`.
    Cumulative,
}

/// One thing that is sent to a client.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// Where the client is once it has seen it: the SSE id.
    pub cursor: Cursor,
    /// What it is.
    pub body: FrameBody,
}

/// What is sent.
#[derive(Clone, Debug, PartialEq)]
pub enum FrameBody {
    /// A durable event.
    Event(Arc<Event>),
    /// More of the running answer, in the style the client wants.
    Answer {
        /// The turn that is answered.
        turn_id: TurnId,
        /// The attempt.
        attempt: u32,
        /// Counts up within an attempt, over tool calls and reconnections: where the text ends in the
        /// answer, in bytes.
        stream_index: usize,
        /// Where `text` begins in the answer, in bytes; 0 in the cumulative style.
        offset: usize,
        /// The new piece, or the whole text so far.
        text: String,
        /// Which of the two.
        style: Style,
    },
    /// More of what the model thinks. It is shown and not kept: a client that comes back may be sent it
    /// from its beginning, or miss it.
    Reasoning {
        /// The turn.
        turn_id: TurnId,
        /// The attempt at its answer.
        attempt: u32,
        /// Which call of the turn's model thinks, from 1: each thinks anew.
        call: u32,
        /// Where `text` begins in what the model thinks in this call, in bytes.
        offset: usize,
        /// The new piece.
        text: String,
    },
    /// The session was deleted: nothing more comes, now or later.
    Deleted,
}

/// What one client has seen.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    cursor: Cursor,
    style: Style,
    /// The last event that ended an answer: what follows an earlier event only is void.
    ended: Seq,
    /// How many bytes were sent of what a model thinks, and in which turn and call.
    thought: Option<(TurnId, u32, usize)>,
}

impl Progress {
    /// A client that is at `cursor`; `ended` is the last event up to there that
    /// [ends an answer](EventType::ends_answer), 0 if there is none.
    pub const fn new(cursor: Cursor, style: Style, ended: Seq) -> Self {
        Self { cursor, style, ended, thought: None }
    }

    /// Where the client is.
    pub const fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// What is sent for a durable event: nothing unless it is the very next.
    pub fn event(&mut self, event: Arc<Event>) -> Vec<Frame> {
        if event.seq != self.cursor.seq.next() {
            return Vec::new();
        }
        let mut frames = Vec::new();
        if event.kind.is_terminal() {
            frames.extend(self.rest_of_answer(&event));
            self.cursor.answer = AnswerPosition::default();
        }
        if event.kind == EventType::AssistantRestarted {
            self.cursor.answer = AnswerPosition { attempt: attempt_of(&event), bytes: 0 };
        }
        if event.kind.ends_answer() {
            self.ended = event.seq;
        }
        self.cursor.seq = event.seq;
        frames.push(Frame { cursor: self.cursor, body: FrameBody::Event(event) });
        frames
    }

    /// What is sent of the running answer: nothing if the client has all of it, or has not seen the
    /// event that it follows, or if it has ended or was voided and only its pieces are late.
    pub fn answer(&mut self, running: &RunningAnswer) -> Option<Frame> {
        let AnswerPosition { attempt, bytes } = self.cursor.answer;
        let too_early = running.after_seq > self.cursor.seq;
        let void = running.attempt < attempt || (running.attempt > attempt && bytes > 0);
        let over = running.after_seq < self.ended;
        if too_early || void || over {
            return None;
        }
        self.advance(running.turn_id, running.attempt, &running.text)
    }

    /// What is sent of what the model thinks.
    pub fn reasoning(&mut self, running: &RunningAnswer) -> Option<Frame> {
        let reasoning = running.reasoning.as_ref()?;
        let too_early = reasoning.after_seq > self.cursor.seq;
        let void = running.attempt < self.cursor.answer.attempt;
        if too_early || void || reasoning.after_seq < self.ended {
            return None;
        }
        let (turn_id, attempt, call) = (running.turn_id, running.attempt, reasoning.call);
        let known = self.thought.filter(|(turn, of, _)| (*turn, *of) == (turn_id, call));
        let offset = known.map_or(0, |(.., bytes)| boundary(&reasoning.text, bytes));
        let text = reasoning.text.get(offset..).filter(|text| !text.is_empty())?.to_owned();
        self.thought = Some((turn_id, call, reasoning.text.len()));
        let body = FrameBody::Reasoning { turn_id, attempt, call, offset, text };
        Some(Frame { cursor: self.cursor, body })
    }

    /// The text of a terminal event that the client has not seen as pieces.
    fn rest_of_answer(&mut self, event: &Event) -> Option<Frame> {
        let turn = event.turn_id?;
        self.advance(turn, attempt_of(event), event.answer())
    }

    fn advance(&mut self, turn_id: TurnId, attempt: u32, text: &str) -> Option<Frame> {
        let seen = boundary(text, self.cursor.answer.bytes);
        if seen == text.len() {
            return None;
        }
        let (offset, piece) = match self.style {
            Style::Deltas => (seen, text.get(seen..)?),
            Style::Cumulative => (0, text),
        };
        self.cursor.answer = AnswerPosition { attempt, bytes: text.len() };
        let body = FrameBody::Answer {
            turn_id,
            attempt,
            stream_index: text.len(),
            offset,
            text: piece.to_owned(),
            style: self.style,
        };
        Some(Frame { cursor: self.cursor, body })
    }
}

fn attempt_of(event: &Event) -> u32 {
    let attempt = event.metadata.get("attempt").and_then(Value::as_u64).unwrap_or(1);
    u32::try_from(attempt).unwrap_or(u32::MAX)
}

/// The last character boundary of `text` at or before `bytes`.
fn boundary(text: &str, bytes: usize) -> usize {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    end
}
