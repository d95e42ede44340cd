//! Texts for logs and dead letters, without what must not be seen there: credentials, and what people
//! said.

use std::error::Error;

/// An error with all that led to it, in one line: each cause once, and no credentials.
pub fn causes(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !line.ends_with(&text) {
            line = format!("{line}: {text}");
        }
        next = cause.source();
    }
    line.split(' ').map(without_credentials).collect::<Vec<_>>().join(" ")
}

/// A word, without user and query if it is an address.
pub fn without_credentials(word: &str) -> String {
    let Some((scheme, rest)) = word.split_once("://") else { return word.to_owned() };
    let host_ends = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let host_starts = rest[..host_ends].rfind('@').map_or(0, |at| at + 1);
    let end = rest.find(['?', '#']).unwrap_or(rest.len());
    format!("{scheme}://{}", &rest[host_starts..end])
}

/// Why a text is not the JSON that it should be: where and how, but not what it says there.
pub fn json_error(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let quotes = || text.find('"').zip(text.rfind('"')).filter(|(first, last)| first < last);
    match quotes().filter(|_| text.starts_with("invalid ")) {
        Some((first, last)) => format!("{}…{}", &text[..=first], &text[last..]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Layer(&'static str, #[source] Option<Box<Layer>>);

    #[test]
    fn causes_are_told_once_each_and_without_credentials() {
        let third = Layer("cannot reach https://me:pw@db.example/x?key=1 now", None);
        let second = Layer("asking", Some(Box::new(third)));
        let first = Layer("loading: asking", Some(Box::new(second)));

        assert_eq!(causes(&first), "loading: asking: cannot reach https://db.example/x now");
    }

    #[test]
    fn json_that_is_wrong_is_not_repeated() {
        let wrong = serde_json::from_str::<u32>(r#""my \"dear\" diary""#).unwrap_err();
        let text = json_error(&wrong);

        assert!(text.starts_with(r#"invalid type: string "…", expected u32"#), "{text}");
        assert!(!text.contains("diary"));
    }

    #[test]
    fn json_that_is_cut_says_where() {
        let wrong = serde_json::from_str::<Vec<u32>>("[1, ").unwrap_err();

        assert_eq!(json_error(&wrong), "EOF while parsing a value at line 1 column 4");
    }
}
