//! What is stored and cannot be read: written by another build, or damaged.

use serde::{Deserialize, Serialize};

use crate::redact::json_error;

/// Something that is stored and that this build cannot read. Whoever meets it sets it aside, whole,
/// and goes on without it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreadable {
    /// Why it cannot be read.
    pub error: String,
    /// What is stored; bytes that are not UTF-8 are replaced.
    pub raw: String,
}

impl Unreadable {
    /// A text that is not the JSON that it should be.
    pub fn json(raw: impl Into<String>, error: &serde_json::Error) -> Self {
        Self { error: json_error(error), raw: raw.into() }
    }
}
