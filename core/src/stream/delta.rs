//! One piece of a running answer, or of what the model thinks, as it travels on
//! `conversation.outbound`.

use serde::{Deserialize, Serialize};

use crate::conversation::event::{Seq, VERSION};
use crate::ids::{SessionId, TurnId};

/// The wire name of a delta's type.
pub const DELTA_TYPE: &str = "assistant.delta";

/// The wire name of the type of a piece of what a model thinks.
pub const REASONING_TYPE: &str = "assistant.reasoning";

/// A piece of the running answer, or of what the model thinks. Not durable: it is lost with the worker
/// that sent it, and then the answer restarts with a higher attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delta {
    /// [`DELTA_TYPE`] or [`REASONING_TYPE`].
    #[serde(rename = "type")]
    pub kind: String,
    /// Always [`VERSION`].
    pub version: String,
    /// The session.
    pub session_id: SessionId,
    /// The turn that is being answered.
    pub turn_id: TurnId,
    /// The durable event that this piece follows: no client may see it before that event.
    pub after_seq: Seq,
    /// The attempt at the answer, from 1.
    pub attempt: u32,
    /// Which call of the turn's model it is that thinks, from 1; none for a piece of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<u32>,
    /// Counts up within an attempt: where the piece ends in the answer's text, in bytes. Within a call
    /// where it ends in what the model thinks.
    pub stream_index: usize,
    /// Where in that text the piece begins, in bytes.
    pub offset: usize,
    /// The text.
    pub delta: String,
}

impl Delta {
    /// Fills in the constant fields.
    pub fn new(session_id: SessionId, turn_id: TurnId, after_seq: Seq, attempt: u32) -> Self {
        Self {
            kind: DELTA_TYPE.into(),
            version: VERSION.into(),
            session_id,
            turn_id,
            after_seq,
            attempt,
            call: None,
            stream_index: 0,
            offset: 0,
            delta: String::new(),
        }
    }

    /// The same for what the model thinks in a call.
    #[must_use]
    pub fn thought(self, call: u32) -> Self {
        Self { kind: REASONING_TYPE.into(), call: Some(call), ..self }
    }

    /// The piece `text`, which begins at `offset`. Its number follows from its place, so it counts up
    /// over rounds of tools, over tries to send it, and whoever sends it.
    #[must_use]
    pub fn piece(self, offset: usize, text: impl Into<String>) -> Self {
        let delta = text.into();
        Self { stream_index: offset + delta.len(), offset, delta, ..self }
    }
}
