//! JSON of the platform as it is stored: what stands in nearly every event, input and memory is one
//! character, and so is the id of the session that a row is of.
//!
//! JSON has no control characters of its own, so a packed text can be told from any other, and no text
//! is read wrongly. Files have the words and their characters: they never change, and new words go to
//! the end.

use std::borrow::Cow;

/// What a packed text begins with.
const PACKED: char = '\u{1f}';
/// What stands before a text that is not packed, where it could be taken for one that is.
const RAW: char = '\u{1d}';
/// The id of the session.
const SESSION: char = '\u{1e}';

/// The words by their character: the first is U+0001.
const WORDS: [&str; 24] = [
    "{\"event_id\":\"",
    "\",\"seq\":",
    ",\"session_id\":\"",
    "\",\"turn_id\":\"",
    "\",\"persona_id\":null,\"role\":\"assistant\",\"type\":\"",
    "\",\"persona_id\":null,\"role\":\"user\",\"type\":\"",
    "\",\"message\":\"",
    "\",\"metadata\":{",
    "},\"version\":\"sa01-v1\",\"occurred_at\":\"",
    "\",\"nonce\":\"",
    "\",\"hash\":\"",
    "\"escalation\":{\"escalate\":false,\"reason\":\"",
    "\"chain\":{\"count\":",
    ",\"head\":\"",
    "\"usage\":{\"completion_tokens\":",
    "{\"input\":{\"type\":\"",
    ",\"allow\":true,\"reasons\":[],\"input\":\"",
    "{\"action\":\"",
    "\",\"resource\":\"",
    "},\"at\":\"",
    ",\"context_tokens\":8192,\"temperature_milli\":null},\"escalation\":null,\"fallback\":null,\
     \"max_tool_rounds\":8,\"max_model_tries\":3,\"budget_limit\":null,\"least_answer_tokens\":16}",
    "{\"type\":\"memory.write\",\"key\":\"",
    "\",\"persona_id\":null,\"role\":\"",
    ",\"at\":\"",
];

/// What a word begins with.
const BEGINNINGS: [char; 4] = ['"', '{', '}', ','];

/// A text of a session as it is stored.
pub(crate) fn packed<'a>(text: &'a str, session: &str) -> Cow<'a, str> {
    if text.starts_with([PACKED, RAW]) {
        return Cow::Owned(format!("{RAW}{text}"));
    }
    if text.contains(|c: char| c < ' ') {
        return Cow::Borrowed(text);
    }
    let text = match session {
        "" => text.to_owned(),
        session => text.replace(session, SESSION.encode_utf8(&mut [0; 4])),
    };
    let mut packed = String::with_capacity(text.len());
    packed.push(PACKED);
    let mut rest = text.as_str();
    while let Some(begin) = rest.find(BEGINNINGS) {
        let (before, word) = rest.split_at(begin);
        packed.push_str(before);
        let known = |(c, known)| Some((char::from(c), word.strip_prefix::<&str>(known)?));
        if let Some((character, after)) = (1_u8..).zip(WORDS).find_map(known) {
            packed.push(character);
            rest = after;
        } else {
            let (one, after) = word.split_at(1);
            packed.push_str(one);
            rest = after;
        }
    }
    packed.push_str(rest);
    Cow::Owned(packed)
}

/// A text of a session that was stored.
pub(crate) fn unpacked<'a>(stored: &'a str, session: &str) -> Cow<'a, str> {
    let Some(mut rest) = stored.strip_prefix(PACKED) else {
        return Cow::Borrowed(stored.strip_prefix(RAW).unwrap_or(stored));
    };
    let mut text = String::with_capacity(2 * stored.len());
    while let Some(place) = rest.find(|c: char| c < ' ') {
        let (before, packed) = rest.split_at(place);
        let (character, after) = packed.split_at(1);
        text.push_str(before);
        text.push_str(word(character, session));
        rest = after;
    }
    text.push_str(rest);
    Cow::Owned(text)
}

fn word<'a>(character: &'a str, session: &'a str) -> &'a str {
    let number = character.bytes().next().unwrap_or_default();
    if char::from(number) == SESSION {
        return session;
    }
    let place = usize::from(number).checked_sub(1);
    place.and_then(|place| WORDS.get(place)).copied().unwrap_or(character)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    const SESSION_ID: &str = "01a21e41-5467-7677-bfa9-df008d4a9d38";

    /// Texts of words, parts of words, the session, and anything else.
    fn text() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            4 => select(&WORDS[..]).prop_map(str::to_owned),
            2 => (select(&WORDS[..]), 0_usize..20).prop_map(|(word, length)| {
                word.chars().take(length).collect()
            }),
            1 => Just(SESSION_ID.to_owned()),
            2 => any::<String>(),
            2 => "[a-z0-9\"{},é]{0,6}",
        ];
        proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn every_text_is_read_as_it_was_written(text in text()) {
            let stored = packed(&text, SESSION_ID);

            prop_assert_eq!(unpacked(&stored, SESSION_ID), text.as_str());
        }
    }

    /// Files have these characters.
    #[test]
    fn words_are_what_they_always_were() {
        let event = format!(
            "{{\"event_id\":\"x\",\"seq\":7,\"session_id\":\"{SESSION_ID}\",\"turn_id\":\""
        );

        assert_eq!(packed(&event, SESSION_ID), "\u{1f}\u{1}x\u{2}7\u{3}\u{1e}\u{4}");
        let characters: String = (1_u8..=24).map(char::from).collect();
        let all =
            unpacked("", SESSION_ID).into_owned() + &unpacked(&format!("\u{1f}{characters}"), "");
        assert_eq!(all, WORDS.concat());
    }

    #[test]
    fn what_is_no_json_is_left_as_it_is() {
        for text in ["a\nb", "\u{1f}\u{1}", "\u{1d}", "", "\0"] {
            assert_eq!(unpacked(&packed(text, SESSION_ID), SESSION_ID), text);
        }
        assert_eq!(packed("a\nb", SESSION_ID), "a\nb");
    }
}
