//! JSON as clients write it.

use std::borrow::Cow;

use serde_json::Value;

/// How JSON writes half of a surrogate pair: so many bytes, as `\\ud83d`.
const ESCAPE: usize = 6;
const STRAY: &str = "\\ufffd";

/// Reads a text. A byte order mark before it is passed over, and half of a surrogate pair is U+FFFD: so
/// write clients that cut a text in the middle of an emoji.
pub(crate) fn read(text: &str) -> serde_json::Result<Value> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    serde_json::from_str(&mended(text))
}

/// The text with U+FFFD for each half of a surrogate pair that stands alone.
fn mended(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let (mut mended, mut kept, mut place) = (String::new(), 0, 0);
    while let Some(found) =
        bytes.get(place..).and_then(|rest| rest.iter().position(|byte| *byte == b'\\'))
    {
        let escape = place + found;
        let next = escape + ESCAPE;
        place = match surrogate(bytes, escape) {
            None => escape + 2,
            Some(Half::First) if surrogate(bytes, next) == Some(Half::Second) => next + ESCAPE,
            Some(_) => {
                mended.push_str(&text[kept..escape]);
                mended.push_str(STRAY);
                kept = next;
                next
            }
        };
    }
    if kept == 0 { Cow::Borrowed(text) } else { Cow::Owned(mended + &text[kept..]) }
}

#[derive(PartialEq)]
enum Half {
    First,
    Second,
}

/// Which half of a surrogate pair is written here, if any.
fn surrogate(bytes: &[u8], place: usize) -> Option<Half> {
    let digits = bytes.get(place..place + ESCAPE)?.strip_prefix(b"\\u")?;
    match digits {
        [b'd' | b'D', b'8' | b'9' | b'a' | b'b' | b'A' | b'B', low @ ..]
            if low.iter().all(u8::is_ascii_hexdigit) =>
        {
            Some(Half::First)
        }
        [b'd' | b'D', b'c'..=b'f' | b'C'..=b'F', low @ ..]
            if low.iter().all(u8::is_ascii_hexdigit) =>
        {
            Some(Half::Second)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn half_of_a_pair_that_stands_alone_is_a_replacement_character() {
        for (text, expected) in [
            (r#""\ud83d\ude00""#, "😀"),
            (r#""\uD83D\uDE00!""#, "😀!"),
            (r#""\ud83d""#, "\u{fffd}"),
            (r#""a\ude00b""#, "a\u{fffd}b"),
            (r#""\ud83d\ud83d\ude00""#, "\u{fffd}😀"),
            (r#""\ude00\ud83d""#, "\u{fffd}\u{fffd}"),
            (r#""\ud83dé""#, "\u{fffd}é"),
            (r#""\\ud83d""#, "\\ud83d"),
            (r#""\\\ud83d""#, "\\\u{fffd}"),
            (r#""\u0041é\u00e9""#, "Aéé"),
        ] {
            assert_eq!(read(text).unwrap(), json!(expected), "{text}");
        }
        for broken in [r#""\ud8""#, r#""\ud83"#, r#""\"#, r#""\é""#, r#""\ud83x""#, r#""\u""#] {
            assert!(read(broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn byte_order_mark_before_a_text_is_passed_over_and_no_other() {
        assert_eq!(read("\u{feff}{}").unwrap(), json!({}));
        assert_eq!(read("\"\u{feff}\"").unwrap(), json!("\u{feff}"));
        assert!(read("\u{feff}\u{feff}{}").is_err());
        assert!(read("{}\u{feff}").is_err());
    }
}
