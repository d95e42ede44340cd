//! Where a client is in a session's stream: the SSE event id.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::conversation::event::Seq;
use crate::ids::ParseIdError;

/// A client's place in a stream. As text, `SEQ` or `SEQ.ATTEMPT.BYTES`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The last durable event the client has seen.
    pub seq: Seq,
    /// How much of the running answer it has assembled since.
    pub answer: AnswerPosition,
}

/// A place inside the running answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerPosition {
    /// The attempt whose text it is; 0 before any text.
    pub attempt: u32,
    /// How many bytes of that attempt's text have been seen.
    pub bytes: usize,
}

impl Cursor {
    /// The place right after a durable event, with nothing of a running answer.
    pub const fn after(seq: Seq) -> Self {
        Self { seq, answer: AnswerPosition { attempt: 0, bytes: 0 } }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AnswerPosition { attempt, bytes } = self.answer;
        if bytes == 0 && attempt <= 1 {
            write!(f, "{}", self.seq.0)
        } else {
            write!(f, "{}.{attempt}.{bytes}", self.seq.0)
        }
    }
}

impl FromStr for Cursor {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || ParseIdError { kind: "stream position" };
        let number = |part: &str| {
            let digits = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            if digits { part.parse::<u64>().map_err(|_| bad()) } else { Err(bad()) }
        };
        let mut parts = text.split('.');
        let seq = Seq(number(parts.next().unwrap_or_default())?);
        let answer = match (parts.next(), parts.next(), parts.next()) {
            (None, None, None) => AnswerPosition::default(),
            (Some(attempt), Some(bytes), None) => AnswerPosition {
                attempt: u32::try_from(number(attempt)?).map_err(|_| bad())?,
                bytes: usize::try_from(number(bytes)?).map_err(|_| bad())?,
            },
            _ => return Err(bad()),
        };
        Ok(Self { seq, answer })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{holds, text};

    #[test]
    fn text_form_round_trips() {
        for text in ["0", "12", "12.1.340", "13.2.0"] {
            assert_eq!(text.parse::<Cursor>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "-1", "+1", "1.", "1.2", "1.2.3.4", "a", " 1", "99999999999999999999"] {
            assert!(text.parse::<Cursor>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn every_place_is_the_same_once_it_was_written_and_read() {
        let numbers = (any::<u64>(), prop_oneof![0..3_u32, any::<u32>()], 0..3_usize);
        holds(256, &numbers, |(seq, attempt, bytes)| {
            let place = Cursor { seq: Seq(seq), answer: AnswerPosition { attempt, bytes } };

            let read: Cursor = place.to_string().parse().unwrap();

            let untouched = attempt <= 1 && bytes == 0;
            assert_eq!(read, if untouched { Cursor::after(Seq(seq)) } else { place });
        });
    }

    #[test]
    fn any_text_is_read_or_refused() {
        let parts = proptest::collection::vec(prop_oneof!["[0-9.]{0,22}", text(8)], 0..4);
        holds(512, &parts, |parts| {
            let text = parts.concat();

            if let Ok(cursor) = text.parse::<Cursor>() {
                assert_eq!(cursor.to_string().parse(), Ok(cursor), "{text:?}");
            }
        });
    }
}
