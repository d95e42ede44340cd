//! Counting tokens without a vocabulary.

use soma_core::budget::Tokens;

/// About how many tokens a text has: one per four ASCII characters, one per other character. Byte
/// pair encodings of today come out at or below that for most languages.
pub fn estimate(text: &str) -> Tokens {
    let ascii = text.bytes().filter(u8::is_ascii).count() as u64;
    let other = text.chars().filter(|c| !c.is_ascii()).count() as u64;
    ascii.div_ceil(4) + other
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_words_and_signs() {
        assert_eq!(estimate(""), 0);
        assert_eq!(estimate("a"), 1);
        assert_eq!(estimate("twelve chars"), 3);
        assert_eq!(estimate("架构"), 2);
    }
}
