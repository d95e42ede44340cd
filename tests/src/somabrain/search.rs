//! Search as the server does it: by words as they are written, on a scale that each generation has for
//! itself, and without a floor, so that what fits nothing comes too.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Generation;
use super::brain::Brain;

/// A memory that was found.
pub(super) struct Found {
    pub(super) score: f64,
    pub(super) payload: Value,
}

impl Brain {
    /// The best of the long-term memory, of any tenant whose universe is the same.
    pub(super) fn search(&self, universe: &str, text: &str, most: usize) -> Vec<Found> {
        let question = Question::new(text);
        let own = |key: &&(String, String)| self.shares_pools || key.0 == universe;
        let mut found: Vec<(f64, &Value)> = self
            .memories
            .keys()
            .filter(own)
            .filter_map(|key| self.memories.get(key))
            .map(|payload| (question.bonus(payload["task"].as_str().unwrap_or_default()), payload))
            .collect();
        found.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        found.truncate(most);
        let scale = |(bonus, payload): (f64, &Value)| Found {
            score: self.scale(bonus),
            payload: payload.clone(),
        };
        found.into_iter().map(scale).collect()
    }

    /// A bonus on the generation's scale: before [`Generation::G3`] most scores are below zero.
    fn scale(&self, bonus: f64) -> f64 {
        if self.generation >= Generation::G3 { bonus } else { bonus / 4.0 - 0.49 }
    }
}

/// What is looked for.
struct Question<'a> {
    text: &'a str,
    words: BTreeSet<&'a str>,
}

impl<'a> Question<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, words: words(text).collect() }
    }

    /// 1.5 for the same text, 1 for a part of it, and a quarter for each word of three characters or
    /// more (two of those that are not ASCII), up to 1.
    fn bonus(&self, text: &str) -> f64 {
        let whole = if text == self.text {
            1.5
        } else if !self.text.is_empty() && text.contains(self.text) {
            1.0
        } else {
            0.0
        };
        let having: BTreeSet<&str> = words(text).filter(|word| self.words.contains(word)).collect();
        let shared = u32::try_from(having.len()).unwrap_or(u32::MAX);
        whole + (0.25 * f64::from(shared)).min(1.0)
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    let long = |word: &&str| word.len() >= 3;
    text.split(|c: char| !c.is_alphanumeric()).filter(long)
}
