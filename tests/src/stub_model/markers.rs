//! What is to happen, as it stands in the person's message.
//!
//! | Marker | What it does |
//! | --- | --- |
//! | `[words 50]` | the answer ends in so many words, `w1` to `w50`; 5 without it |
//! | `[slow 20s]` | nothing before the first word for so long; `ms` works too |
//! | `[pace 20ms]` | so long between two words |
//! | `[bytes]` | written one byte at a time |
//! | `[whole]` | one JSON object, though a stream was asked for |
//! | `[no-usage]` | does not say what it used |
//! | `[tool echo {"text":"hi"}]` | asks for a tool, then answers with its result; may be repeated |
//! | `[429 1]` | refuses with that status, and `Retry-After` if a number follows |
//! | `[cut 3]` | the connection breaks after so many words |
//! | `[end 3]` | the stream ends in good order after so many words, without saying why |
//! | `[error 3]` | an error object after so many words |
//! | `[silent 3]` | nothing more after so many words |
//! | `[mute]` | not even the first byte |
//! | `[times 2]` | the refusal or fault happens on the first so many attempts only |

use std::time::Duration;

use serde_json::{Deserializer, Value};

/// The words of an answer whose length is not asked for.
const WORDS: usize = 5;

/// What a message asks for.
#[derive(Debug)]
pub(super) struct Markers {
    pub(super) words: usize,
    pub(super) slow: Duration,
    pub(super) pace: Duration,
    pub(super) bytewise: bool,
    pub(super) whole: bool,
    pub(super) tells_usage: bool,
    /// Name and arguments of each.
    pub(super) tools: Vec<(String, String)>,
    pub(super) fault: Option<Fault>,
    pub(super) times: Option<usize>,
    /// The message without its markers.
    pub(super) rest: String,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Refuse {
        status: u16,
        retry_after: Option<String>,
    },
    Mute,
    /// After so many words.
    After(usize, Then),
}

/// What goes wrong in the middle of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    Cut,
    End,
    Error,
    Silence,
}

impl Markers {
    /// Reads the markers of a message; what looks like one and is none is part of the message.
    pub(super) fn of(message: &str) -> Self {
        let mut markers = Self {
            words: WORDS,
            slow: Duration::ZERO,
            pace: Duration::ZERO,
            bytewise: false,
            whole: false,
            tells_usage: true,
            tools: Vec::new(),
            fault: None,
            times: None,
            rest: String::new(),
        };
        let mut left = message;
        while let Some(start) = left.find('[') {
            let (before, marker) = left.split_at(start);
            markers.rest.push_str(before);
            let inside = &marker[1..];
            left = if let Some(after) = markers.tool(inside) {
                after
            } else if let Some((inside, after)) = inside.split_once(']')
                && markers.plain(inside).is_some()
            {
                after
            } else {
                markers.rest.push('[');
                inside
            };
        }
        markers.rest.push_str(left);
        markers
    }

    /// Reads `tool NAME ARGUMENTS]`, and returns what follows. Arguments that are no JSON end at the
    /// first bracket.
    fn tool<'a>(&mut self, inside: &'a str) -> Option<&'a str> {
        let (name, inside) = inside.strip_prefix("tool ")?.split_once([' ', ']'])?;
        let mut values = Deserializer::from_str(inside).into_iter::<Value>();
        let end = match values.next() {
            Some(Ok(_)) => values.byte_offset(),
            Some(Err(_)) | None => inside.find(']')?,
        };
        let after = inside[end..].trim_start().strip_prefix(']')?;
        self.tools.push((name.into(), inside[..end].into()));
        Some(after)
    }

    /// Reads any other marker; none if it is none.
    fn plain(&mut self, inside: &str) -> Option<()> {
        let mut parts = inside.split_whitespace();
        let name = parts.next()?;
        let argument = parts.next();
        let number = || argument?.parse::<usize>().ok();
        let span = || argument.and_then(span);
        let after = |then| Some(Fault::After(number()?, then));
        match name {
            "words" => self.words = number()?,
            "slow" => self.slow = span()?,
            "pace" => self.pace = span()?,
            "bytes" => self.bytewise = true,
            "whole" => self.whole = true,
            "no-usage" => self.tells_usage = false,
            "times" => self.times = Some(number()?),
            "mute" => self.fault = Some(Fault::Mute),
            "cut" => self.fault = Some(after(Then::Cut)?),
            "end" => self.fault = Some(after(Then::End)?),
            "error" => self.fault = Some(after(Then::Error)?),
            "silent" => self.fault = Some(after(Then::Silence)?),
            status => {
                let status = status.parse().ok().filter(|status| (300..600).contains(status))?;
                let retry_after = argument.map(str::to_owned);
                self.fault = Some(Fault::Refuse { status, retry_after });
            }
        }
        Some(())
    }
}

/// `20s` or `150ms`.
fn span(text: &str) -> Option<Duration> {
    if let Some(millis) = text.strip_suffix("ms") {
        return millis.parse().ok().map(Duration::from_millis);
    }
    text.strip_suffix('s')?.parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_are_read_and_taken_out_of_the_message() {
        let markers = Markers::of("hello [words 3] [pace 20ms][slow 2s] [times 1] [429 1] you");

        assert_eq!(markers.words, 3);
        assert_eq!(
            (markers.pace, markers.slow),
            (Duration::from_millis(20), Duration::from_secs(2))
        );
        assert_eq!(markers.times, Some(1));
        let refusal = Fault::Refuse { status: 429, retry_after: Some("1".into()) };
        assert_eq!(markers.fault, Some(refusal));
        assert_eq!(markers.rest.split_whitespace().collect::<Vec<_>>(), ["hello", "you"]);
    }

    #[test]
    fn arguments_of_a_tool_may_hold_brackets_and_need_not_be_json() {
        let markers = Markers::of(r#"[tool a {"list": [1, "]"]}] [tool b not json]"#);

        let tool = |name: &str, arguments: &str| (name.to_owned(), arguments.to_owned());
        let expected = [tool("a", r#"{"list": [1, "]"]}"#), tool("b", "not json")];
        assert_eq!(markers.tools, expected);
    }

    #[test]
    fn what_is_no_marker_belongs_to_the_message() {
        let text = "a [link] [cut] [words many] [tool";

        let markers = Markers::of(text);

        assert_eq!(markers.rest, text);
        assert_eq!(markers.fault, None);
    }
}
