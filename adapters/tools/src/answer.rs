//! What every tool's answer must keep to, so that any store can hold it and any model can read it.

use serde_json::{Value, json};

/// The most bytes an answer may have as JSON.
const LIMIT: usize = 64 * 1024;

/// What is left of [`LIMIT`] for the text of a cut answer, beside its frame and its marker.
const CUT: usize = LIMIT - 256;

/// Makes `answer` fit: without NUL characters, and at most 64 KiB of JSON.
///
/// An answer that is too large becomes the beginning of its JSON text, with a marker.
pub(crate) fn fit(answer: Value) -> Value {
    let answer = without_nul(answer);
    let text = answer.to_string();
    if text.len() <= LIMIT {
        return answer;
    }
    let kept = beginning(&text);
    json!({ "message": format!("{kept}… [cut: {} bytes in all]", text.len()), "truncated": true })
}

/// PostgreSQL refuses a NUL in text and in JSON, so no answer has one.
fn without_nul(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(cleaned(text)),
        Value::Array(items) => items.into_iter().map(without_nul).collect(),
        Value::Object(fields) => {
            fields.into_iter().map(|(key, value)| (cleaned(key), without_nul(value))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}

fn cleaned(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "") } else { text }
}

/// The longest beginning of `text` that takes at most [`CUT`] bytes as a JSON string.
fn beginning(text: &str) -> &str {
    let mut size = 0;
    let end = text.char_indices().find_map(|(at, char)| {
        size += match char {
            '"' | '\\' => 2,
            char if char.is_control() => 6,
            char => char.len_utf8(),
        };
        (size > CUT).then_some(at)
    });
    &text[..end.unwrap_or(text.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_answer_is_left_alone() {
        let answer = json!({"message": "hi", "list": [1, null, true, "ä"]});

        assert_eq!(fit(answer.clone()), answer);
    }

    #[test]
    fn nul_is_removed_from_keys_and_texts_at_any_depth() {
        let answer = json!({"a\0": [{"b": "x\0y"}]});

        assert_eq!(fit(answer), json!({"a": [{"b": "xy"}]}));
    }

    #[test]
    fn large_answer_is_cut_to_the_limit_and_says_so() {
        for filling in ["x", "\"", "\\", "\n", "\u{1}", "é", "𝄞"] {
            let cut = fit(json!({"message": filling.repeat(LIMIT)}));

            assert!(cut.to_string().len() <= LIMIT, "{filling:?}");
            assert_eq!(cut["truncated"], true, "{filling:?}");
            assert!(cut["message"].as_str().unwrap().contains("bytes in all"), "{filling:?}");
        }
    }
}
