//! Words that say nothing about what a text is about.

/// Sorted, folded: the most frequent function words of English, German, French and Spanish.
const STOP_WORDS: &[&str] = &[
    "a", "about", "al", "also", "am", "an", "and", "any", "are", "as", "at", "au", "auf", "aus",
    "avec", "be", "been", "bei", "but", "by", "can", "ce", "como", "con", "could", "das", "dass",
    "de", "del", "dem", "den", "der", "des", "did", "die", "do", "does", "du", "ein", "eine",
    "einen", "el", "elle", "en", "er", "es", "est", "et", "for", "from", "fur", "had", "has",
    "have", "he", "her", "his", "how", "i", "ich", "if", "ihr", "il", "im", "in", "is", "ist",
    "it", "its", "je", "la", "las", "le", "les", "lo", "los", "me", "mi", "mit", "my", "ne",
    "nicht", "no", "not", "of", "on", "or", "our", "par", "pas", "por", "pour", "que", "qui", "se",
    "she", "should", "si", "sich", "sie", "so", "su", "sur", "that", "the", "their", "them",
    "then", "there", "they", "this", "to", "tu", "u", "un", "una", "und", "une", "von", "was",
    "we", "were", "what", "when", "where", "which", "who", "why", "will", "wir", "with", "would",
    "y", "you", "your", "zu",
];

/// Whether a folded word is one of them.
pub(super) fn is_stop_word(word: &str) -> bool {
    STOP_WORDS.binary_search(&word).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_is_sorted_so_that_it_can_be_searched() {
        assert!(STOP_WORDS.is_sorted());
        assert!(is_stop_word("the") && !is_stop_word("heron"));
    }
}
