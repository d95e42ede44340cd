//! What a client of a stream is sent, as JSON: the same over server-sent events and WebSocket.

use serde::Serialize;
use soma_core::conversation::event::{Event, VERSION};
use soma_core::ids::{SessionId, TurnId};
use soma_core::stream::delta::{DELTA_TYPE, REASONING_TYPE};
use soma_core::stream::resume::{Frame, FrameBody, Style};

/// The wire name of a running answer that is sent whole.
pub(crate) const WHOLE_TYPE: &str = "assistant.stream";

/// The wire name of the end of a session that was deleted.
pub(crate) const DELETED_TYPE: &str = "session.deleted";

/// The JSON of a frame.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Wire<'a> {
    /// A durable event, as it is stored.
    Event(&'a Event),
    /// More of the running answer, or of what the model thinks.
    Answer(Answer<'a>),
    /// The session was deleted.
    Deleted(Deleted),
}

/// The last that is sent of a session that was deleted.
#[derive(Serialize)]
pub(crate) struct Deleted {
    #[serde(rename = "type")]
    kind: &'static str,
    version: &'static str,
    session_id: SessionId,
}

/// More of the running answer, or of what the model thinks. It is not durable: the terminal event has all of
/// the answer, and thoughts are not kept.
#[derive(Serialize)]
pub(crate) struct Answer<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    version: &'static str,
    session_id: SessionId,
    turn_id: TurnId,
    attempt: u32,
    /// Of what the model thinks: in which of its calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    call: Option<u32>,
    stream_index: usize,
    #[serde(flatten)]
    text: Text<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Text<'a> {
    Piece { offset: usize, delta: &'a str },
    Whole { message: &'a str },
}

impl<'a> Wire<'a> {
    /// What is sent for a frame of a session.
    pub(crate) fn of(frame: &'a Frame, session_id: SessionId) -> Self {
        match &frame.body {
            FrameBody::Event(event) => Self::Event(event),
            FrameBody::Deleted => {
                Self::Deleted(Deleted { kind: DELETED_TYPE, version: VERSION, session_id })
            }
            FrameBody::Reasoning { turn_id, attempt, call, offset, text } => Self::Answer(Answer {
                kind: REASONING_TYPE,
                version: VERSION,
                session_id,
                turn_id: *turn_id,
                attempt: *attempt,
                call: Some(*call),
                stream_index: offset + text.len(),
                text: Text::Piece { offset: *offset, delta: text },
            }),
            FrameBody::Answer { turn_id, attempt, stream_index, offset, text, style } => {
                Self::Answer(Answer {
                    kind: answer_type(*style),
                    version: VERSION,
                    session_id,
                    turn_id: *turn_id,
                    attempt: *attempt,
                    call: None,
                    stream_index: *stream_index,
                    text: match style {
                        Style::Deltas => Text::Piece { offset: *offset, delta: text },
                        Style::Cumulative => Text::Whole { message: text },
                    },
                })
            }
        }
    }

    /// The name of what is sent.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Event(event) => event.kind.as_str(),
            Self::Answer(answer) => answer.kind,
            Self::Deleted(deleted) => deleted.kind,
        }
    }
}

const fn answer_type(style: Style) -> &'static str {
    match style {
        Style::Deltas => DELTA_TYPE,
        Style::Cumulative => WHOLE_TYPE,
    }
}
