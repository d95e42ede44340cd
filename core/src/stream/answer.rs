//! The running answer of a session, assembled from deltas that may come twice, late or not at all.

use super::delta::Delta;
use crate::conversation::event::Seq;
use crate::ids::TurnId;

/// The answer that is being given, as far as its deltas have been seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningAnswer {
    /// The turn that is answered.
    pub turn_id: TurnId,
    /// The attempt.
    pub attempt: u32,
    /// The durable event that the newest text follows.
    pub after_seq: Seq,
    /// The text from its beginning.
    pub text: String,
    /// The number of the newest piece.
    pub stream_index: u32,
}

/// What a delta did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// There is new text.
    Extended,
    /// All of it was known, or belongs to an attempt that is void.
    Known,
    /// What comes before it was never seen: it cannot be shown.
    Gap,
}

/// Adds a delta to what is known of a session's running answer.
pub fn apply(running: &mut Option<RunningAnswer>, delta: &Delta) -> Applied {
    let newer = match running {
        Some(answer) if answer.turn_id == delta.turn_id => {
            if delta.attempt < answer.attempt {
                return Applied::Known;
            }
            delta.attempt > answer.attempt
        }
        Some(answer) => {
            if delta.after_seq < answer.after_seq {
                return Applied::Known;
            }
            true
        }
        None => true,
    };
    if newer {
        if delta.offset > 0 {
            return Applied::Gap;
        }
        *running = Some(RunningAnswer {
            turn_id: delta.turn_id,
            attempt: delta.attempt,
            after_seq: delta.after_seq,
            text: String::new(),
            stream_index: 0,
        });
    }
    running.as_mut().map_or(Applied::Gap, |answer| answer.extend(delta))
}

impl RunningAnswer {
    fn extend(&mut self, delta: &Delta) -> Applied {
        let Some(known) = self.text.len().checked_sub(delta.offset) else { return Applied::Gap };
        let Some(new) = delta.delta.get(known..).filter(|new| !new.is_empty()) else {
            return Applied::Known;
        };
        self.text.push_str(new);
        self.after_seq = self.after_seq.max(delta.after_seq);
        self.stream_index = self.stream_index.max(delta.stream_index);
        Applied::Extended
    }
}
