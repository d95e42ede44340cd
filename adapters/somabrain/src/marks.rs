//! The words that a memory is found by. The server compares words as they are written, so a memory
//! also gets the forms that the platform compares: without case and accents, and pairs of characters
//! where words are not separated.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use soma_core::memory::words::{query_terms, terms};

/// The most of a query that is sent, in characters: nobody asks for more.
const LONGEST_QUERY: usize = 2_000;
/// The most of a legacy text that the server takes, in characters.
const LONGEST_LEGACY: usize = 10_000;

/// The text without the character that many databases refuse.
pub(crate) fn storable(text: &str) -> String {
    text.replace('\0', " ")
}

/// The words of a text in the form that is compared, where they are not written so.
fn other_forms(text: &str, terms: Vec<String>) -> String {
    let written: BTreeSet<&str> = text.split(|c: char| !c.is_alphanumeric()).collect();
    let mut seen = BTreeSet::new();
    let others = terms.into_iter().filter(|term| !written.contains(term.as_str()));
    let others: Vec<String> = others.filter(|term| seen.insert(term.clone())).collect();
    others.join(" ")
}

/// A text with all the words that it is found by.
pub(crate) fn document(text: &str, marks: &str) -> String {
    let text = storable(text);
    let forms = other_forms(&text, terms(&text));
    format!("{text}\n{forms}\n{marks}")
}

/// What finds the texts that fit a query.
pub(crate) fn query(text: &str) -> String {
    let text: String = storable(text).chars().take(LONGEST_QUERY).collect();
    let forms = other_forms(&text, query_terms(&text));
    if forms.is_empty() { text } else { format!("{text}\n{forms}") }
}

/// A text with all the words that it is found by, of the few characters that the legacy API takes.
pub(crate) fn legacy_document(text: &str, marks: &str) -> String {
    let mut document = marks.to_owned();
    let mut seen = BTreeSet::new();
    for term in terms(text) {
        let term = legacy_word(&term);
        if document.len() + 1 + term.len() > LONGEST_LEGACY {
            break;
        }
        if seen.insert(term.clone()) {
            document.push(' ');
            document.push_str(&term);
        }
    }
    document
}

/// What finds the legacy texts that fit a query; nothing if it has no words.
pub(crate) fn legacy_query(text: &str) -> String {
    let words = query_terms(text);
    words.iter().map(|term| legacy_word(term)).collect::<Vec<_>>().join(" ")
}

/// A word in ASCII letters and digits: as it is, or by the numbers of its characters.
fn legacy_word(term: &str) -> String {
    if term.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return term.to_owned();
    }
    term.chars().fold("x".to_owned(), |mut word, c| {
        let _ = write!(word, "{:x}z", u32::from(c));
        word
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_sent_with_the_forms_that_it_is_not_written_in() {
        assert_eq!(document("the heron", "m"), "the heron\n\nm");
        assert_eq!(document("Été 架构\0", "m"), "Été 架构 \nete\nm");
        assert_eq!(document("系统架构", "m"), "系统架构\n系统 统架 架构\nm");
        assert_eq!(query("Configuración heron"), "Configuración heron\nconfiguracion");
    }

    #[test]
    fn legacy_text_is_of_letters_digits_and_spaces_and_not_too_long() {
        let long = (0..5_000).fold(String::new(), |text, number| text + &format!("wört{number} "));

        let document = legacy_document(&long, "mark");

        assert!(document.len() <= LONGEST_LEGACY, "{}", document.len());
        assert!(document.chars().all(|c| c.is_ascii_alphanumeric() || c == ' '));
        assert!(document.starts_with("mark wort0 wort1 "));
        assert_eq!(legacy_query("架构 heron"), "heron x67b6z6784z");
    }
}
