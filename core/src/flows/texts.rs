//! What texts of people must not be: nothing to see, or what a store refuses.

use serde_json::Value;

/// What no font shows, by ranges: Unicode's `Default_Ignorable_Code_Point`, the marks of annotations,
/// and the one pattern of Braille without dots.
const INVISIBLE: &[(char, char)] = &[
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{202a}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{2800}', '\u{2800}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

/// Whether there is nothing to see in a text.
pub(super) fn is_blank(text: &str) -> bool {
    let listed = |c: char| INVISIBLE.iter().any(|(first, last)| (*first..=*last).contains(&c));
    text.chars().all(|c| c.is_whitespace() || c.is_control() || listed(c))
}

/// Whether a NUL stands in a name or a text of a value. The six characters by which JSON writes one are
/// none.
pub(super) fn has_nul(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(fields) => {
            fields.iter().any(|(name, value)| name.contains('\0') || has_nul(value))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn text_of_what_nobody_sees_is_blank() {
        for text in [
            "",
            " \t\r\n",
            "\u{200b}",
            "\u{feff}\u{2060}\u{200d}",
            "\u{3000}\u{a0}\u{2028}",
            "\u{1}\u{7f}\u{9f}",
            "\u{3164}\u{115f}\u{ffa0}",
            "\u{fe0f}\u{e0020}\u{e007f}",
            "\u{202e}\u{ad}\u{2800}",
        ] {
            assert!(is_blank(text), "{text:?}");
        }
        for text in ["a", "\u{200b}.", "\u{e9}", "\u{301}", "👩\u{200d}👧", "\u{ac00}", "\u{fffd}"]
        {
            assert!(!is_blank(text), "{text:?}");
        }
    }

    #[test]
    fn nul_is_found_wherever_it_stands_and_its_escape_is_none() {
        for value in
            [json!("\0"), json!(["a", "b\0"]), json!({"a": {"b\0": 1}}), json!({"a": ["\0"]})]
        {
            assert!(has_nul(&value), "{value}");
        }
        for value in [json!("\\u0000"), json!({"\\u0000": ["\\u0000", 0, null, true]})] {
            assert!(!has_nul(&value), "{value}");
        }
    }
}
