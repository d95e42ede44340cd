//! Text of other people and of models, on its way to a terminal.

use std::io::{self, IsTerminal, Write};

use vte::{Parser, Perform};

/// Standard output. To a terminal goes only what is text: an answer may not move the cursor, change
/// colours or titles, copy to the clipboard, or show its letters in another order than it says. Anything
/// else gets all of it, unchanged.
pub(crate) struct Output {
    is_terminal: bool,
    sequences: Parser,
}

impl Output {
    pub(crate) fn new() -> Self {
        Self { is_terminal: io::stdout().is_terminal(), sequences: Parser::new() }
    }

    /// Writes it at once.
    pub(crate) fn print(&mut self, text: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if self.is_terminal {
            out.write_all(self.visible(text).as_bytes())?;
        } else {
            out.write_all(text.as_bytes())?;
        }
        out.flush()
    }

    /// The text without what a terminal would obey. A sequence may have begun with an earlier piece.
    fn visible(&mut self, text: &str) -> String {
        let mut visible = Visible(String::with_capacity(text.len()));
        self.sequences.advance(&mut visible, text.as_bytes());
        visible.0
    }
}

/// What is text of what a terminal is sent.
struct Visible(String);

impl Perform for Visible {
    fn print(&mut self, letter: char) {
        if is_visible(letter) {
            self.0.push(letter);
        }
    }

    fn execute(&mut self, control: u8) {
        if is_visible(char::from(control)) {
            self.0.push(char::from(control));
        }
    }
}

fn is_visible(letter: char) -> bool {
    let turns_direction = matches!(letter,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    matches!(letter, '\n' | '\t') || !(letter.is_control() || turns_direction)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(pieces: &[&str]) -> String {
        let mut output = Output { is_terminal: true, sequences: Parser::new() };
        pieces.iter().map(|piece| output.visible(piece)).collect()
    }

    #[test]
    fn text_is_shown_as_it_is() {
        let text = "Grüße, 世界!\n\tزرّ 👩‍👩‍👧 e\u{301}";

        assert_eq!(shown(&[text]), text);
    }

    #[test]
    fn what_a_terminal_would_obey_is_not_shown() {
        for (said, seen) in [
            ("\u{1b}[31mred\u{1b}[0m", "red"),
            ("\u{1b}]0;a title\u{7}text", "text"),
            ("\u{1b}]52;c;c2VjcmV0\u{1b}\\text", "text"),
            ("one\rtwo", "onetwo"),
            ("a\u{8}\u{7f}\u{0}b", "ab"),
            ("\u{9b}2J", "2J"),
            ("invoice\u{202e}fdp.exe\u{202c}", "invoicefdp.exe"),
            ("\u{2066}left\u{2069}", "left"),
        ] {
            assert_eq!(shown(&[said]), seen, "{said:?}");
        }
    }

    #[test]
    fn sequence_that_comes_in_pieces_is_not_shown_either() {
        assert_eq!(shown(&["a\u{1b}", "[3", "1mb\u{1b}]0;ti", "tle\u{7}c"]), "abc");
    }
}
