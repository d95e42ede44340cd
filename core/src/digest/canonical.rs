//! Canonical JSON: RFC 8785.

use serde::Serialize;
use serde_json::{Map, Value};

/// The largest whole number that RFC 8785 writes as it is: beyond, it is a double.
const LARGEST_WHOLE: u64 = 1 << 53;

/// The canonical JSON of a value that is made of maps, lists, texts and finite numbers.
#[expect(clippy::expect_used, reason = "such values always serialize")]
pub(crate) fn canonical<T: Serialize>(value: &T) -> Vec<u8> {
    let value = serde_json::to_value(value).expect("such values are JSON");
    if is_plain(&value) {
        serde_json::to_vec(&value).expect("JSON values have a text")
    } else {
        serde_json_canonicalizer::to_vec(&value).expect("JSON values have a canonical form")
    }
}

/// The canonical JSON of a struct whose fields are declared in the order of their names, and which
/// holds texts and, maybe, one map.
#[expect(clippy::expect_used, reason = "such values always serialize")]
pub(crate) fn canonical_struct<T: Serialize>(
    value: &T,
    map: Option<&Map<String, Value>>,
) -> Vec<u8> {
    if map.is_none_or(is_plain_map) {
        serde_json::to_vec(value).expect("such values are JSON")
    } else {
        serde_json_canonicalizer::to_vec(value).expect("such values have a canonical form")
    }
}

/// Whether `serde_json` writes the value as RFC 8785 does: its maps are sorted by the bytes of their
/// keys, where RFC 8785 sorts by UTF-16 units, and it writes fractions its own way.
fn is_plain(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => true,
        Value::Number(number) => {
            let whole = number.as_i64().map(i64::unsigned_abs).or_else(|| number.as_u64());
            whole.is_some_and(|whole| whole <= LARGEST_WHOLE)
        }
        Value::Array(items) => items.iter().all(is_plain),
        Value::Object(map) => is_plain_map(map),
    }
}

fn is_plain_map(map: &Map<String, Value>) -> bool {
    map.iter().all(|(key, value)| key.is_ascii() && is_plain(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{holds, json};

    #[test]
    fn short_way_writes_what_the_library_writes() {
        holds(512, &json(), |value| {
            let library = serde_json_canonicalizer::to_vec(&value).unwrap();

            assert_eq!(canonical(&value), library);
        });
    }

    #[test]
    fn what_the_two_write_differently_is_left_to_the_library() {
        for (value, expected) in [
            (
                serde_json::json!({"\u{ff21}": 1, "\u{1d11e}": 2}),
                "{\"\u{1d11e}\":2,\"\u{ff21}\":1}",
            ),
            (serde_json::json!(1e21), "1e+21"),
            (serde_json::json!(0.000_001), "0.000001"),
            (serde_json::json!(9_007_199_254_740_993_u64), "9007199254740992"),
            (serde_json::json!(-0.0), "0"),
        ] {
            assert_eq!(String::from_utf8(canonical(&value)).unwrap(), expected);
        }
    }
}
