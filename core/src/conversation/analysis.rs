//! What kind of message it is: the rules of `docs/rules.md`, on whole words.

use serde::{Deserialize, Serialize};

/// What a message wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Intent {
    /// There is no text.
    Empty,
    /// Something is asked.
    Question,
    /// Something is to be made.
    ActionRequest,
    /// Something does not work.
    ProblemReport,
    /// None of these.
    Statement,
}

/// How a message sounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sentiment {
    /// Something is wrong.
    Negative,
    /// Something is good.
    Positive,
    /// Neither.
    Neutral,
}

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tag {
    /// Programs.
    Code,
    /// Machines and deployments.
    Infrastructure,
    /// Tests.
    Testing,
}

/// The analysis of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Analysis {
    /// What it wants.
    pub intent: Intent,
    /// How it sounds.
    pub sentiment: Sentiment,
    /// What it is about, sorted.
    pub tags: Vec<Tag>,
}

const QUESTION: &[&str] = &["how", "what", "why", "when", "where", "who"];
const ACTION: &[&str] = &["create", "build", "implement", "write"];
const PROBLEM: &[&str] = &["fix", "bug", "issue", "error"];
const NEGATIVE: &[&str] = &["fail", "broken", "crash", "error", "issue"];
const POSITIVE: &[&str] = &["great", "thanks", "awesome", "good"];
const TAGS: &[(Tag, &[&str])] = &[
    (Tag::Code, &["code", "python", "function", "class"]),
    (Tag::Infrastructure, &["deploy", "docker", "kubernetes", "infra", "infrastructure"]),
    (Tag::Testing, &["test", "validate", "qa"]),
];

/// Endings that make another form of the same word; `error` is also `errors`, `fail` also `failed`.
const ENDINGS: &[&str] = &["", "s", "es", "d", "ed", "ing", "er", "ers", "ment", "ments"];

/// Analyses a message: intent by the first rule that holds, then sentiment and tags.
pub fn analyse(text: &str) -> Analysis {
    let text = text.trim().to_lowercase();
    let words: Vec<&str> =
        text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let has = |list: &[&str]| words.iter().any(|word| list.iter().any(|stem| is_form(word, stem)));

    let intent = if text.is_empty() {
        Intent::Empty
    } else if words.first().is_some_and(|first| QUESTION.contains(first)) || text.ends_with('?') {
        Intent::Question
    } else if has(ACTION) {
        Intent::ActionRequest
    } else if has(PROBLEM) {
        Intent::ProblemReport
    } else {
        Intent::Statement
    };
    let sentiment = if has(NEGATIVE) {
        Sentiment::Negative
    } else if has(POSITIVE) {
        Sentiment::Positive
    } else {
        Sentiment::Neutral
    };
    let tags = TAGS.iter().filter(|(_, list)| has(list)).map(|(tag, _)| *tag).collect();
    Analysis { intent, sentiment, tags }
}

/// Whether `word` is `stem` or a form of it by one of [`ENDINGS`]; a final `e` may give way to an
/// ending and a final consonant may double (`writing`, `debugging` is no form of `bug`).
fn is_form(word: &str, stem: &str) -> bool {
    let bare = stem.strip_suffix('e').unwrap_or(stem);
    let ends = |rest: Option<&str>| rest.is_some_and(|rest| ENDINGS.contains(&rest));
    ends(word.strip_prefix(stem)) || (bare != stem && word.strip_prefix(bare) == Some("ing"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intents_by_the_first_rule_that_holds() {
        for (text, intent) in [
            ("", Intent::Empty),
            ("  \n", Intent::Empty),
            ("Why is the build broken?", Intent::Question),
            ("the build is green?", Intent::Question),
            ("Please write a poem", Intent::ActionRequest),
            ("there are errors in the log", Intent::ProblemReport),
            ("I like trains", Intent::Statement),
        ] {
            assert_eq!(analyse(text).intent, intent, "{text:?}");
        }
    }

    #[test]
    fn words_count_whole_and_not_as_parts_of_others() {
        let analysis =
            analyse("The latest contest in Aqaba was a classic; somehow a prefix helped");

        assert_eq!(analysis.tags, []);
        assert_eq!(analysis.intent, Intent::Statement);
        assert_eq!(analyse("goodness gracious").sentiment, Sentiment::Neutral);
    }

    #[test]
    fn forms_of_a_word_count() {
        assert_eq!(analyse("it crashed twice").sentiment, Sentiment::Negative);
        assert_eq!(analyse("we keep writing").intent, Intent::ActionRequest);
        assert_eq!(
            analyse("deploying, testing, coding").tags,
            [Tag::Code, Tag::Infrastructure, Tag::Testing]
        );
    }

    #[test]
    fn negative_wins_over_positive() {
        assert_eq!(analyse("great, it is broken").sentiment, Sentiment::Negative);
        assert_eq!(analyse("thanks!").sentiment, Sentiment::Positive);
    }
}
