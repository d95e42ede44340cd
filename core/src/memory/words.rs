//! The words of a text, as an index knows them.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::stop_words::is_stop_word;

/// A query is looked up by at most so many words.
const MOST_TERMS: usize = 12;

/// A word that is longer than this is cut: no one types it, and an index should not hold it.
const LONGEST_TERM: usize = 64;

/// The text in the form that is compared: without case, accents, and outer or repeated space.
pub fn folded(text: &str) -> String {
    let words: Vec<_> = fold(text).split_whitespace().map(str::to_owned).collect();
    words.join(" ")
}

/// The words of a text in order, folded; where words are not separated (Chinese, Japanese,
/// Korean, …), every two neighbouring characters are one.
pub fn terms(text: &str) -> Vec<String> {
    let mut terms = Vec::new();
    for word in fold(text).split(|c: char| !is_word(c)).filter(|word| !word.is_empty()) {
        for (unseparated, run) in runs(word) {
            if unseparated {
                terms.extend(bigrams(&run));
            } else {
                terms.push(run.chars().take(LONGEST_TERM).collect());
            }
        }
    }
    terms
}

/// The words to look a query up by, each once: without stop words, unless there is nothing else,
/// and of very many the longest, which are the rarest.
pub fn query_terms(query: &str) -> Vec<String> {
    let mut all = terms(query);
    all.sort_by(|a, b| b.chars().count().cmp(&a.chars().count()).then_with(|| a.cmp(b)));
    all.dedup();
    let telling: Vec<_> = all.iter().filter(|term| !is_stop_word(term)).cloned().collect();
    let mut chosen = if telling.is_empty() { all } else { telling };
    chosen.truncate(MOST_TERMS);
    chosen
}

/// Lower case, without compatibility forms and accents. Lower case may have accents that upper case
/// had not, and compatibility forms may be upper case, hence twice.
fn fold(text: &str) -> String {
    text.nfkd().flat_map(char::to_lowercase).nfkd().filter(|c| !is_accent(*c)).nfc().collect()
}

/// Whether the character is written on another and may be left out. The vowel signs of Indic
/// scripts are marks, too, but make another word.
const fn is_accent(c: char) -> bool {
    matches!(c,
        '\u{0300}'..='\u{036f}'
        | '\u{0591}'..='\u{05c7}'   // Hebrew points
        | '\u{064b}'..='\u{065f}'   // Arabic vowels
        | '\u{0670}'
        | '\u{1ab0}'..='\u{1aff}'
        | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}'
        | '\u{fe20}'..='\u{fe2f}')
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || is_combining_mark(c)
}

/// Whether words of this character's script are written without space between them.
const fn is_unseparated(c: char) -> bool {
    matches!(c,
        '\u{0e00}'..='\u{0eff}'     // Thai, Lao
        | '\u{1000}'..='\u{109f}'   // Myanmar
        | '\u{1780}'..='\u{17ff}'   // Khmer
        | '\u{2e80}'..='\u{2fdf}'   // radicals
        | '\u{3005}'..='\u{3007}'
        | '\u{3040}'..='\u{31ff}'   // kana, bopomofo
        | '\u{3400}'..='\u{9fff}'   // ideographs
        | '\u{ac00}'..='\u{d7ff}'   // Hangul
        | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}')
}

/// Parts a word where separated and unseparated scripts meet.
fn runs(word: &str) -> Vec<(bool, String)> {
    let mut runs: Vec<(bool, String)> = Vec::new();
    for c in word.chars() {
        let unseparated = is_unseparated(c);
        match runs.last_mut() {
            Some((kind, run)) if *kind == unseparated => run.push(c),
            Some(_) | None => runs.push((unseparated, c.into())),
        }
    }
    runs
}

fn bigrams(run: &str) -> Vec<String> {
    let characters: Vec<char> = run.chars().collect();
    if characters.len() < 2 {
        return vec![run.to_owned()];
    }
    characters.windows(2).map(|pair| pair.iter().collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_folded_and_parted() {
        assert_eq!(terms("L'Été à  Łódź: ＦＵＬＬ 2nd!"), ["l", "ete", "a", "łodz", "full", "2nd"]);
        assert_eq!(terms("\0 \"*( ) \u{1f980}"), [""; 0]);
        assert_eq!(terms("STRASSE ﬁn ΑΘΉΝΑ"), ["strasse", "fin", "αθηνα"]);
    }

    #[test]
    fn scripts_without_spaces_are_parted_by_two() {
        assert_eq!(terms("系统架构v2"), ["系统", "统架", "架构", "v2"]);
        assert_eq!(terms("茶"), ["茶"]);
        assert_eq!(terms("한국어"), ["한국", "국어"]);
        assert_eq!(terms("がく हिन्दी"), ["がく", "हिन्दी"]);
    }

    #[test]
    fn queries_drop_stop_words_unless_there_is_nothing_else() {
        assert_eq!(query_terms("What is the name of my heron?"), ["heron", "name"]);
        assert_eq!(query_terms("what is this"), ["this", "what", "is"]);
    }

    #[test]
    fn queries_keep_the_longest_of_many_words_once() {
        let query = (1..100).map(|length| "x".repeat(length)).collect::<Vec<_>>().join(" ");

        let terms = query_terms(&format!("{query} {query}"));

        assert_eq!(terms.len(), MOST_TERMS);
        assert_eq!(terms[0].len(), LONGEST_TERM);
    }

    #[test]
    fn folded_texts_are_equal_whatever_their_case_accents_and_spaces() {
        assert_eq!(folded("  The\nHÉRON "), folded("the heron"));
        assert_ne!(folded("heron?"), folded("heron"));
    }
}
