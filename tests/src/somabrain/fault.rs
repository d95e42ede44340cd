//! Faults, and when they happen.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What goes wrong with a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The connection is closed without an answer.
    Reset,
    /// Nothing is answered, and nothing done.
    Hang,
    /// It is answered so much later, in milliseconds.
    Late(u64),
    /// It is done, and half of the answer is sent.
    Cut,
    /// It is not done, and this is answered.
    Answer {
        /// The status.
        status: u16,
        /// Headers, the content type among them.
        headers: Vec<(String, String)>,
        /// The body.
        body: String,
    },
    /// It is answered as if it had been done, and nothing is stored.
    NotStored,
    /// Of what is sent together only the first is stored, and this status is answered.
    PartlyStored(u16),
    /// It is taken for later: answered so, and nothing is stored.
    Replayed,
    /// It is stored, with a warning that the working memory did not take it.
    Warned,
    /// What is recalled comes twice, with entries of the server's own between.
    Repeated,
}

impl Fault {
    /// An answer of this status with a JSON body.
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::answer(status, "application/json", &body.to_string())
    }

    /// An answer.
    pub fn answer(status: u16, content_type: &str, body: &str) -> Self {
        let headers = vec![("content-type".to_owned(), content_type.to_owned())];
        Self::Answer { status, headers, body: body.to_owned() }
    }

    /// The answer with one more header; other faults stay as they are.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        if let Self::Answer { headers, .. } = &mut self {
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }
}

/// When a fault happens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// What the path ends with; empty is every path.
    pub path: String,
    /// What goes wrong.
    pub fault: Fault,
    /// So many requests pass before.
    #[serde(default)]
    pub after: u32,
    /// It happens so often.
    #[serde(default = "always")]
    pub times: u32,
    /// It happens to so many of a hundred, evenly spread.
    #[serde(default = "certain")]
    pub percent: u32,
    /// What has been counted of the hundred.
    #[serde(default)]
    due: u32,
}

const fn always() -> u32 {
    u32::MAX
}

const fn certain() -> u32 {
    100
}

impl Rule {
    /// The fault happens to every request for paths that end so.
    pub fn new(path: &str, fault: Fault) -> Self {
        let (after, times, percent, due) = (0, always(), certain(), 0);
        Self { path: path.to_owned(), fault, after, times, percent, due }
    }

    /// So many requests pass before it happens.
    #[must_use]
    pub fn after(self, after: u32) -> Self {
        Self { after, ..self }
    }

    /// It happens so often, and no more.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self { times, ..self }
    }

    /// It happens to so many of a hundred.
    #[must_use]
    pub fn percent(self, percent: u32) -> Self {
        Self { percent, ..self }
    }

    /// Counts a request. Returns what happens to it, if something does.
    pub(super) fn meet(&mut self, path: &str) -> Option<Fault> {
        if !path.ends_with(&self.path) || self.times == 0 {
            return None;
        }
        if self.after > 0 {
            self.after -= 1;
            return None;
        }
        self.due += self.percent;
        if self.due < 100 {
            return None;
        }
        self.due -= 100;
        self.times -= 1;
        Some(self.fault.clone())
    }
}

/// How long an answer is late.
pub(super) const fn late(fault: &Fault) -> Duration {
    if let Fault::Late(milliseconds) = fault {
        return Duration::from_millis(*milliseconds);
    }
    Duration::ZERO
}
