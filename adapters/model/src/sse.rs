//! Server-sent events, as they arrive: any split of the bytes gives the same messages.
//!
//! Source: WHATWG HTML, 9.2 "Server-sent events".

/// The longest line that is read, in bytes.
const LONGEST_LINE: usize = 8 << 20;
/// The longest message that is read, in bytes.
const LONGEST_MESSAGE: usize = 8 << 20;

/// One message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Its `event`, if it had one.
    pub event: Option<String>,
    /// Its `id`, if it had one.
    pub id: Option<String>,
    /// Its `data` lines, joined by line feeds.
    pub data: String,
}

/// A stream that cannot be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a line or message of the stream is too long")]
pub struct TooLong;

/// Reads messages out of bytes.
#[derive(Clone, Debug, Default)]
pub struct Parser {
    line: Vec<u8>,
    /// The last byte was a carriage return: a line feed that follows belongs to it.
    after_return: bool,
    started: bool,
    message: Message,
    has_data: bool,
}

impl Parser {
    /// A parser at the beginning of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes more bytes and returns the messages that they complete.
    ///
    /// # Errors
    ///
    /// [`TooLong`] for a line or a message over 8 MiB: the stream is of no more use.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<Message>, TooLong> {
        let mut messages = Vec::new();
        for &byte in bytes {
            let follows_return = std::mem::take(&mut self.after_return);
            match byte {
                b'\n' if follows_return => {}
                b'\n' => messages.extend(self.end_line()?),
                b'\r' => {
                    self.after_return = true;
                    messages.extend(self.end_line()?);
                }
                byte if self.line.len() < LONGEST_LINE => self.line.push(byte),
                _ => return Err(TooLong),
            }
        }
        Ok(messages)
    }

    /// The message that the end of the stream completes: servers forget the last blank line.
    ///
    /// # Errors
    ///
    /// [`TooLong`], as [`push`](Self::push).
    pub fn finish(mut self) -> Result<Option<Message>, TooLong> {
        let last = if self.line.is_empty() { None } else { self.end_line()? };
        Ok(last.or_else(|| self.dispatch()))
    }

    fn end_line(&mut self) -> Result<Option<Message>, TooLong> {
        let mut line = std::mem::take(&mut self.line);
        if !std::mem::replace(&mut self.started, true) && line.starts_with("\u{feff}".as_bytes()) {
            line.drain(.."\u{feff}".len());
        }
        if line.is_empty() {
            return Ok(self.dispatch());
        }
        let line = String::from_utf8_lossy(&line);
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "data" => {
                if self.message.data.len() + value.len() > LONGEST_MESSAGE {
                    return Err(TooLong);
                }
                if std::mem::replace(&mut self.has_data, true) {
                    self.message.data.push('\n');
                }
                self.message.data.push_str(value);
            }
            "event" => self.message.event = Some(value.to_owned()),
            "id" if !value.contains('\0') => self.message.id = Some(value.to_owned()),
            _ => {}
        }
        Ok(None)
    }

    fn dispatch(&mut self) -> Option<Message> {
        let message = std::mem::take(&mut self.message);
        std::mem::take(&mut self.has_data).then_some(message)
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn all(pieces: &[&[u8]]) -> Vec<Message> {
        let mut parser = Parser::new();
        let mut messages: Vec<Message> =
            pieces.iter().flat_map(|piece| parser.push(piece).unwrap()).collect();
        messages.extend(parser.finish().unwrap());
        messages
    }

    fn data(messages: &[Message]) -> Vec<&str> {
        messages.iter().map(|message| message.data.as_str()).collect()
    }

    #[test]
    fn line_ends_comments_and_fields_are_read_as_the_standard_says() {
        let stream = "\u{feff}: hello\r\nevent: a\r\nid: 7\r\ndata: x\r\ndata:y\r\n\r\n\
                      data:  z\r\rnonsense\ndata\n\nevent: lost\n\ndata: last";

        let messages = all(&[stream.as_bytes()]);

        assert_eq!(data(&messages), ["x\ny", " z", "", "last"]);
        assert_eq!(messages[0].event.as_deref(), Some("a"));
        assert_eq!(messages[0].id.as_deref(), Some("7"));
        assert_eq!(messages[3].event, None);
    }

    #[test]
    fn endless_line_is_refused() {
        let mut parser = Parser::new();

        let outcome = parser.push(&vec![b'x'; LONGEST_LINE + 1]);

        assert_eq!(outcome, Err(TooLong));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_split_gives_the_same_messages(
            lines in vec("(data: [a-zé架:]{0,5}|event: b|id: 1|: c|)(\r\n|\n|\r)", 0..20),
            cuts in vec(any::<prop::sample::Index>(), 0..8),
        ) {
            let stream = lines.concat().into_bytes();
            let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
            ends.extend([0, stream.len()]);
            ends.sort_unstable();
            let pieces: Vec<&[u8]> = ends.windows(2).map(|w| &stream[w[0]..w[1]]).collect();

            prop_assert_eq!(all(&pieces), all(&[&stream]));
        }
    }
}
