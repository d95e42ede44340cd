//! JSON of the platform as it is stored: an LZ4 block, made with a dictionary of what stands in nearly
//! every event, input and memory.
//!
//! A packed column is a blob: the number of its dictionary (one byte), the length of the text (four
//! bytes, little-endian), the block (<https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md>).
//! Files have blocks of every dictionary that there ever was, so a dictionary never changes: a better one
//! gets the next number. A text that no block is shorter than is stored as it is.

use std::borrow::Cow;

use lz4_flex::block::{compress_with_dict, decompress_with_dict};
use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, ValueRef};
use soma_core::unreadable::Unreadable;

use crate::columns::raw;

/// The dictionaries, by their numbers less one. The last one packs.
const DICTIONARIES: [&[u8]; 1] = [include_bytes!("dictionary-1.txt")];

/// The length of what stands before a block.
const HEAD: usize = 5;

/// More than any text that is stored: a damaged length must not ask for memory that is not there.
const LONGEST: usize = 64 << 20;

/// A text as a column has it.
#[derive(Debug)]
pub(crate) enum Packed<'a> {
    Text(&'a str),
    Block(Vec<u8>),
}

impl ToSql for Packed<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Self::Block(block) => ToSqlOutput::Borrowed(ValueRef::Blob(block)),
        })
    }
}

/// Packs a text, if that makes it shorter.
pub(crate) fn packed(text: &str) -> Packed<'_> {
    let number = u8::try_from(DICTIONARIES.len());
    let length = u32::try_from(text.len());
    let (Ok(number), Ok(length), Some(dictionary)) = (number, length, DICTIONARIES.last()) else {
        return Packed::Text(text);
    };
    let block = compress_with_dict(text.as_bytes(), dictionary);
    if HEAD + block.len() >= text.len() {
        return Packed::Text(text);
    }
    let mut column = Vec::with_capacity(HEAD + block.len());
    column.push(number);
    column.extend(length.to_le_bytes());
    column.extend(block);
    Packed::Block(column)
}

/// The text of a column, as bytes.
///
/// # Errors
///
/// The column is neither a text nor a block that this build can read.
pub(crate) fn unpacked(column: ValueRef<'_>) -> Result<Cow<'_, [u8]>, Unreadable> {
    let unreadable = |error: String| Unreadable { error, raw: raw(column) };
    match column {
        ValueRef::Text(text) => Ok(Cow::Borrowed(text)),
        ValueRef::Blob(block) => unpack(block).map(Cow::Owned).map_err(unreadable),
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => {
            Err(unreadable(format!("a {} in place of a text", column.data_type())))
        }
    }
}

fn unpack(column: &[u8]) -> Result<Vec<u8>, String> {
    let Some((&[number, ref length @ ..], block)) = column.split_first_chunk::<HEAD>() else {
        return Err("a packed text without its head".into());
    };
    let dictionary = usize::from(number).checked_sub(1).and_then(|place| DICTIONARIES.get(place));
    let dictionary = dictionary.ok_or_else(|| format!("unknown dictionary {number}"))?;
    let length = u32::from_le_bytes(*length);
    let length = usize::try_from(length).ok().filter(|length| *length <= LONGEST);
    let length = length.ok_or("a packed text of no possible length")?;
    let text =
        decompress_with_dict(block, length, dictionary).map_err(|error| error.to_string())?;
    if text.len() == length { Ok(text) } else { Err("a packed text that was cut".into()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use soma_core::digest::Digest32;

    use super::*;

    fn stored(text: &str) -> Vec<u8> {
        let packed = packed(text);
        let ToSqlOutput::Borrowed(column) = packed.to_sql().unwrap() else { panic!("{packed:?}") };
        unpacked(column).unwrap().into_owned()
    }

    proptest! {
        #[test]
        fn every_text_is_read_as_it_was_written(text in ".{0,400}") {
            prop_assert_eq!(stored(&text), text.as_bytes());
        }

        #[test]
        fn damaged_block_is_unreadable_or_another_text(
            at in 0_usize..200,
            bits in 1_u8..,
            cut in 0_usize..200,
        ) {
            let event = event();
            let Packed::Block(mut block) = packed(&event) else { panic!("it is stored as it is") };
            let at = at % block.len();
            block[at] ^= bits;
            block.truncate(block.len() - cut.min(block.len()));

            if let Ok(text) = unpacked(ValueRef::Blob(&block)) {
                prop_assert!(text.len() <= LONGEST);
            }
        }
    }

    fn event() -> String {
        let ids = "01a21ef1-449c-7343-ad0b-f385400e7aa8";
        let hash = "b7da90a0f055fd418553f6618c5f176b8a0d0f81f29f7689ca213da4307a3d2e";
        format!(
            "{{\"event_id\":\"{ids}\",\"seq\":296,\"session_id\":\"{ids}\",\"turn_id\":\"{ids}\",\
             \"persona_id\":null,\"role\":\"assistant\",\"type\":\"assistant.started\",\
             \"message\":\"\",\"metadata\":{{}},\"version\":\"sa01-v1\",\
             \"occurred_at\":\"2026-11-27T21:37:38.063223Z\",\
             \"nonce\":\"961ffe7f9af24df8b1f9cdf1ac64b64f\",\"hash\":\"{hash}\"}}"
        )
    }

    #[test]
    fn event_takes_less_than_half() {
        let event = event();

        let Packed::Block(block) = packed(&event) else { panic!("it is stored as it is") };

        assert!(2 * block.len() < event.len(), "{} of {}", block.len(), event.len());
    }

    /// Files have blocks that were made with them.
    #[test]
    fn dictionaries_are_what_they_always_were() {
        let digests = DICTIONARIES.map(|dictionary| Digest32::of(dictionary).to_string());

        assert_eq!(digests, ["d625f905ad41584d6e422214c751b91470550a21291bbed63fdf55391667dbae"]);
    }

    /// Made by the reference implementation.
    #[test]
    fn block_that_others_made_is_read() {
        let text = "{\"input\":{\"type\":\"budget_answered\",\"window\":20784,\
                    \"grant\":{\"Granted\":5007}},\"at\":\"2026-11-27T21:37:38.063215Z\"}";
        let block =
            b"\x01o\x00\x00\x00\x0e\x95\x06\x0fj\x07 E5007\xe7\x06\xf0\x0e2026-11-27T21:37:38.\
              063215Z\x22}";

        assert_eq!(unpacked(ValueRef::Blob(block)).unwrap(), text.as_bytes());
    }

    #[test]
    fn what_is_no_block_of_this_build_says_so() {
        for (column, error) in [
            (ValueRef::Blob(b"\x01\x02"), "a packed text without its head"),
            (ValueRef::Blob(b"\x09\x00\x00\x00\x00"), "unknown dictionary 9"),
            (ValueRef::Blob(b"\x00\x00\x00\x00\x00"), "unknown dictionary 0"),
            (ValueRef::Blob(b"\x01\xff\xff\xff\xff"), "a packed text of no possible length"),
            (ValueRef::Null, "a Null in place of a text"),
        ] {
            assert_eq!(unpacked(column).unwrap_err().error, error);
        }
    }
}
