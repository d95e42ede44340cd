//! Texts of others, without what must not be seen.

use soma_core::redact::without_credentials;

use crate::secret::Secret;

/// The most of a text that is passed on, in characters.
const LONGEST_TEXT: usize = 300;

/// Takes secrets out of texts: the key, and what an address says of a user or in its query.
#[derive(Clone, Copy)]
pub(super) struct Scrub<'a>(pub(super) Option<&'a Secret>);

impl Scrub<'_> {
    /// The beginning of `text`, on one line.
    pub(super) fn clean(self, text: &str) -> String {
        let text = self.0.map_or_else(|| text.to_owned(), |secret| secret.scrub(text));
        let words: Vec<String> = text.split_whitespace().map(without_credentials).collect();
        let text = words.join(" ");
        let text: String = text.chars().filter(|c| !c.is_control()).take(LONGEST_TEXT).collect();
        if text.is_empty() { "no reason given".into() } else { text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_user_and_query_are_taken_out() {
        let key = Secret::new("sk-12345");

        let text =
            Scrub(Some(&key)).clean("sk-12345 at\n(https://u:p@h:1/v1?key=2#x) \u{7}mail a@b\t?");

        assert_eq!(text, "*** at (https://h:1/v1 mail a@b ?");
    }

    #[test]
    fn key_of_a_few_letters_is_not_looked_for_in_other_words() {
        assert_eq!(Scrub(Some(&Secret::new("none"))).clean("none of it"), "none of it");
    }

    #[test]
    fn long_texts_are_cut_and_empty_ones_say_so() {
        assert_eq!(Scrub(None).clean(&"ä".repeat(400)).chars().count(), LONGEST_TEXT);
        assert_eq!(Scrub(None).clean(" \n"), "no reason given");
    }
}
