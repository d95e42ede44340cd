//! The shapes of dead letters on the wire, for the description only.
#![expect(dead_code, reason = "a shape is described by its fields, which nobody reads")]

use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

/// A dead letter.
#[derive(ToSchema)]
pub(crate) struct DeadLetter {
    /// Which.
    id: Uuid,
    /// The topic of dead letters that it was published on.
    topic: String,
    /// The topic that it came from, and goes to when it is redriven.
    source_topic: String,
    /// The partition that it came from; null if it never was in the log.
    #[schema(required = true)]
    partition: Option<u32>,
    /// Its offset there.
    #[schema(required = true)]
    offset: Option<u64>,
    /// Its key.
    key: String,
    /// Whose it is, if that is known.
    #[schema(required = true)]
    tenant: Option<String>,
    /// What it said: an object, or a text if it was none.
    event: Value,
    /// Why it was set aside.
    error: String,
    /// When it was set aside (RFC 3339).
    #[schema(format = DateTime)]
    created_at: String,
    /// Why it cannot be redriven; null if it can.
    #[schema(required = true)]
    not_redrivable: Option<String>,
}

/// A page of dead letters.
#[derive(ToSchema)]
pub(crate) struct DeadLetterPage {
    /// The letters.
    items: Vec<DeadLetter>,
    /// What to ask for as `after` next; null on the last page.
    #[schema(required = true)]
    next_cursor: Option<u64>,
}

/// The topics with dead letters, and a page of these.
#[derive(ToSchema)]
pub(crate) struct DeadLetters {
    /// The topics that have any.
    topics: Vec<DeadLetterDepth>,
    /// The letters.
    items: Vec<DeadLetter>,
    /// What to ask for as `after` next; null on the last page.
    #[schema(required = true)]
    next_cursor: Option<u64>,
}

/// How many dead letters a topic has.
#[derive(ToSchema)]
pub(crate) struct DeadLetterDepth {
    /// The topic of dead letters.
    topic: String,
    /// The topic that they came from.
    source_topic: String,
    /// How many.
    depth: u64,
    /// When the oldest was set aside (RFC 3339).
    #[schema(format = DateTime)]
    oldest: String,
}

/// Which dead letters are redriven.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Redrive {
    /// These; without it the oldest.
    #[schema(max_items = 1_000, required = false)]
    ids: Vec<Uuid>,
    /// How many of the oldest, if none are named; 1000 if not said.
    #[schema(minimum = 1, maximum = 1_000, required = false)]
    limit: usize,
}

/// What became of dead letters that were to be redriven.
#[derive(ToSchema)]
pub(crate) struct RedriveReport {
    /// How many are on their way again.
    redriven: u64,
    /// How many were not there, or not of the topic.
    gone: u64,
    /// Those that cannot be redriven, and stay.
    refused: Vec<NotRedriven>,
}

/// A dead letter that cannot be redriven.
#[derive(ToSchema)]
pub(crate) struct NotRedriven {
    /// Which.
    id: Uuid,
    /// `cut`, `altered` or `no_message`.
    reason: String,
    /// The reason, for people.
    detail: String,
}

/// Dead letters that were dropped.
#[derive(ToSchema)]
pub(crate) struct Purged {
    /// `purged`.
    status: String,
    /// How many there were.
    deleted: u64,
}
