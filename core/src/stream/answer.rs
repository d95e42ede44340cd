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
    /// What the model thinks, or thought last.
    pub reasoning: Option<Reasoning>,
}

/// What a model thinks in one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reasoning {
    /// Which call of the turn it is, from 1.
    pub call: u32,
    /// The durable event that it follows.
    pub after_seq: Seq,
    /// The text from its beginning.
    pub text: String,
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
            reasoning: None,
        });
    }
    running.as_mut().map_or(Applied::Gap, |answer| match delta.call {
        Some(call) => answer.think(call, delta),
        None => answer.extend(delta),
    })
}

impl RunningAnswer {
    fn extend(&mut self, delta: &Delta) -> Applied {
        let applied = extend(&mut self.text, delta);
        if applied == Applied::Extended {
            self.after_seq = self.after_seq.max(delta.after_seq);
        }
        applied
    }

    /// Each call thinks anew.
    fn think(&mut self, call: u32, delta: &Delta) -> Applied {
        let known = self.reasoning.as_ref().map_or(0, |reasoning| reasoning.call);
        if call < known {
            return Applied::Known;
        }
        if call > known {
            if delta.offset > 0 {
                return Applied::Gap;
            }
            let after_seq = delta.after_seq;
            self.reasoning = Some(Reasoning { call, after_seq, text: String::new() });
        }
        self.reasoning
            .as_mut()
            .map_or(Applied::Known, |reasoning| extend(&mut reasoning.text, delta))
    }
}

/// Adds what is new of a piece to a text.
fn extend(text: &mut String, delta: &Delta) -> Applied {
    let Some(known) = text.len().checked_sub(delta.offset) else { return Applied::Gap };
    let Some(new) = delta.delta.get(known..).filter(|new| !new.is_empty()) else {
        return Applied::Known;
    };
    text.push_str(new);
    Applied::Extended
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::ids::SessionId;

    fn delta(turn: u128, attempt: u32, offset: usize, text: &str) -> Delta {
        let session = SessionId::from_uuid(Uuid::from_u128(1));
        let turn_id = TurnId::from_uuid(Uuid::from_u128(turn));
        let after_seq = Seq(10 * u64::try_from(turn).unwrap() + u64::from(attempt));
        Delta::new(session, turn_id, after_seq, attempt).piece(offset, text)
    }

    /// What is known after these pieces, and what each of them did.
    fn assembled(deltas: &[Delta]) -> (String, Vec<Applied>) {
        let mut running = None;
        let applied = deltas.iter().map(|delta| apply(&mut running, delta)).collect();
        (running.map(|answer: RunningAnswer| answer.text).unwrap_or_default(), applied)
    }

    #[test]
    fn pieces_that_overlap_add_only_what_is_new() {
        let pieces = [
            delta(1, 1, 0, "Grü"),
            delta(1, 1, 0, "Grüße"),
            delta(1, 1, 2, "ü"),
            delta(1, 1, 7, "!"),
        ];

        let (text, applied) = assembled(&pieces);

        assert_eq!(text, "Grüße!");
        assert_eq!(
            applied,
            [Applied::Extended, Applied::Extended, Applied::Known, Applied::Extended]
        );
    }

    #[test]
    fn piece_that_leaves_a_gap_is_not_shown() {
        let lost = [delta(1, 1, 3, "d"), delta(1, 1, 0, "ab"), delta(1, 1, 3, "d")];

        assert_eq!(
            assembled(&lost),
            ("ab".into(), vec![Applied::Gap, Applied::Extended, Applied::Gap])
        );
    }

    #[test]
    fn higher_attempt_starts_anew_and_lower_ones_are_void() {
        let pieces = [delta(1, 1, 0, "lost"), delta(1, 2, 0, "anew"), delta(1, 1, 4, " words")];

        let (text, applied) = assembled(&pieces);

        assert_eq!((&*text, applied[2]), ("anew", Applied::Known));
    }

    #[test]
    fn answer_that_was_missed_from_its_start_does_not_replace_the_one_before() {
        let pieces = [delta(1, 1, 0, "first"), delta(2, 1, 3, "ond"), delta(1, 1, 5, "!")];

        let (text, applied) = assembled(&pieces);

        assert_eq!((&*text, applied[1]), ("first!", Applied::Gap));
    }

    #[test]
    fn each_call_thinks_anew_and_beside_the_answer() {
        use Applied::{Extended, Gap, Known};
        let thought = |call, offset, text| delta(1, 1, offset, text).thought(call);
        let pieces = [
            thought(1, 0, "Hm, "),
            delta(1, 1, 0, "Well"),
            thought(1, 4, "a test."),
            thought(1, 0, "Hm, "),
            thought(2, 3, "lost"),
            thought(2, 0, "Now "),
            thought(1, 11, " Late."),
            delta(1, 1, 4, "."),
        ];
        let mut running = None;

        let applied: Vec<Applied> = pieces.iter().map(|piece| apply(&mut running, piece)).collect();

        assert_eq!(applied, [Extended, Extended, Extended, Known, Gap, Extended, Known, Extended]);
        let running = running.unwrap();
        let reasoning = running.reasoning.unwrap();
        assert_eq!((&*running.text, &*reasoning.text, reasoning.call), ("Well.", "Now ", 2));
    }

    #[test]
    fn late_piece_of_an_earlier_turn_changes_nothing() {
        let pieces = [delta(2, 1, 0, "second"), delta(1, 1, 0, "first"), delta(1, 2, 0, "again")];

        let (text, applied) = assembled(&pieces);

        assert_eq!((&*text, &applied[1..]), ("second", &[Applied::Known; 2][..]));
    }
}
