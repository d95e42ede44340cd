//! JSON as servers write it: also where it is none.
//!
//! Some write `NaN`, control characters within texts, or one half of a surrogate pair, whose other half
//! comes with the next chunk. What the standard allows (RFC 8259) is read as it says.

use std::fmt::Write as _;

use serde_json::Value;

/// Where halves of surrogate pairs stand in for themselves: a private area, and only in a document that
/// has halves.
const HALVES: u32 = 0x10_e000;
/// The first of the 2048 surrogates.
const SURROGATES: u32 = 0xd800;

/// A document.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) value: Value,
    /// Whether its texts may have halves of surrogate pairs: [`Halves`] joins them.
    pub(super) has_halves: bool,
}

/// Reads a document; none if it cannot be one.
pub(super) fn read(text: &str) -> Option<Document> {
    if let Ok(value) = serde_json::from_str(text) {
        return Some(Document { value, has_halves: false });
    }
    let (repaired, has_halves) = repaired(text);
    let value = serde_json::from_str(&repaired).ok()?;
    Some(Document { value, has_halves })
}

/// The text as JSON that is valid, as far as that helps, and whether it has halves.
fn repaired(text: &str) -> (String, bool) {
    let (mut out, mut has_halves) = (String::with_capacity(text.len()), false);
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        if next == '"' {
            rest = string(rest, &mut out, &mut has_halves);
        } else if next.is_alphanumeric() || matches!(next, '-' | '+' | '.') {
            let word = |c: char| !(c.is_alphanumeric() || matches!(c, '-' | '+' | '.' | '_'));
            let (token, after) = rest.split_at(rest.find(word).unwrap_or(rest.len()));
            out.push_str(if is_literal(token) { token } else { "null" });
            rest = after;
        } else {
            out.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    (out, has_halves)
}

/// Not `NaN` and `Infinity`, and no number beyond all bounds.
fn is_literal(token: &str) -> bool {
    matches!(token, "true" | "false" | "null")
        || token.starts_with(|c: char| c == '-' || c.is_ascii_digit())
            && token.parse::<f64>().is_ok_and(f64::is_finite)
}

/// Copies a string with its quotes. Answers what follows it.
fn string<'a>(text: &'a str, out: &mut String, has_halves: &mut bool) -> &'a str {
    out.push('"');
    let mut rest = text.strip_prefix('"').unwrap_or(text);
    while let Some(next) = rest.chars().next() {
        let after = &rest[next.len_utf8()..];
        match next {
            '"' => {
                out.push('"');
                return after;
            }
            '\\' => rest = escape(rest, out, has_halves),
            control if control < ' ' => {
                // Writing to a text cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(control));
                rest = after;
            }
            other => {
                out.push(other);
                rest = after;
            }
        }
    }
    rest
}

/// Copies an escape. Answers what follows it.
fn escape<'a>(text: &'a str, out: &mut String, has_halves: &mut bool) -> &'a str {
    let unit = |text: &str| {
        let digits = text.strip_prefix("\\u")?.get(..4)?;
        u32::from_str_radix(digits, 16).ok()
    };
    let is_high = |unit: u32| (0xd800..0xdc00).contains(&unit);
    let is_low = |unit: u32| (0xdc00..0xe000).contains(&unit);
    let (first, second) = (unit(text), text.get(6..).and_then(unit));
    match (first, second) {
        (Some(high), Some(low)) if is_high(high) && is_low(low) => {
            out.push_str(&text[..12]);
            &text[12..]
        }
        (Some(half), _) if is_high(half) || is_low(half) => {
            *has_halves = true;
            out.extend(char::from_u32(half - SURROGATES + HALVES));
            &text[6..]
        }
        (Some(_), _) => {
            out.push_str(&text[..6]);
            &text[6..]
        }
        (None, _) => {
            let mut chars = text.chars();
            let escaped = chars.nth(1).unwrap_or('\\');
            if "\"\\/bfnrt".contains(escaped) {
                out.push('\\');
            }
            out.push(escaped);
            chars.as_str()
        }
    }
}

/// Joins texts whose surrogate pairs were cut in two.
#[derive(Debug, Default)]
pub(super) struct Halves {
    /// A first half, whose second may come.
    high: Option<u32>,
}

impl Halves {
    /// The text that is complete with this piece. A half without its other is U+FFFD.
    pub(super) fn join(&mut self, text: &str) -> String {
        let half = |c: char| u32::from(c).checked_sub(HALVES).filter(|half| *half < 0x800);
        let mut out = String::with_capacity(text.len());
        for c in text.chars() {
            match (self.high.take(), half(c)) {
                (Some(high), Some(low)) if low >= 0x400 => {
                    out.extend(char::from_u32(0x1_0000 + (high << 10) + (low - 0x400)));
                }
                (before, half) => {
                    out.extend(before.map(|_| char::REPLACEMENT_CHARACTER));
                    match half {
                        Some(high) if high < 0x400 => self.high = Some(high),
                        Some(_) => out.push(char::REPLACEMENT_CHARACTER),
                        None => out.push(c),
                    }
                }
            }
        }
        out
    }

    /// The end of the text: whether a half is left over.
    pub(super) fn end(&mut self) -> Option<char> {
        self.high.take().map(|_| char::REPLACEMENT_CHARACTER)
    }

    /// Whether a first half waits for its second.
    pub(super) const fn waits(&self) -> bool {
        self.high.is_some()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn value(text: &str) -> Value {
        read(text).unwrap().value
    }

    #[test]
    fn what_is_no_json_is_read_where_its_meaning_is_plain() {
        assert_eq!(
            value(r#"{"a": NaN, "b": -Infinity, "c": 1e999}"#),
            json!({"a": null, "b": null, "c": null})
        );
        assert_eq!(value("{\"a\": \"x\ty\u{1}\"}"), json!({"a": "x\ty\u{1}"}));
        assert_eq!(value(r#"{"a": "it\'s \x"}"#), json!({"a": "it's x"}));
        assert_eq!(value(r#"{"a": 1, "a": 2}"#), json!({"a": 2}));
        for text in ["", "{", "NaN}", "ping", "<html>", "{\"a\": \"unfinished"] {
            assert!(read(text).is_none_or(|read| !read.value.is_object()), "{text}");
        }
    }

    #[test]
    fn halves_of_a_pair_come_together() {
        let mut halves = Halves::default();
        let mut said = |text: &str| {
            let read = read(text).unwrap();
            halves.join(read.value.as_str().unwrap())
        };

        assert_eq!(said(r#""a\ud83d""#), "a");
        assert_eq!(said(r#""\ude00b""#), "😀b");
        assert_eq!(said(r#""\ud83d\ude00 \ude00 \ud83d""#), "😀 \u{fffd} ");
        assert_eq!(said(r#""c""#), "\u{fffd}c");
        assert_eq!(halves.end(), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn valid_json_means_what_it_says(text in ".{0,40}", number in any::<i64>()) {
            let value = json!({"text": text, "number": number, "list": [null, true, {"": 1.5}]});

            prop_assert_eq!(&read(&value.to_string()).unwrap().value, &value);
            let (repaired, has_halves) = repaired(&value.to_string());
            prop_assert_eq!(serde_json::from_str::<Value>(&repaired).unwrap(), value);
            prop_assert!(!has_halves);
        }

        #[test]
        fn nothing_panics(text in r#"[\\u"dD8cC0-9a-f{}:,N\x00-\x1f😀 ]{0,40}"#) {
            if let Some(Document { value, .. }) = read(&text) {
                let _ = Halves::default().join(&value.to_string());
            }
        }
    }
}
