//! What stands in paths, queries and headers, for the description only. None of it may be empty, though
//! an empty parameter of a query is taken for none.
#![expect(dead_code, reason = "a parameter is described by its field, which nobody reads")]

use utoipa::IntoParams;
use uuid::Uuid;

use crate::routes::sessions::Turns;
use crate::routes::stream::{StreamEnd, StreamStyle};

/// The session that a path names.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct SessionPath {
    /// The session.
    session_id: Uuid,
}

/// How to follow a session.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct StreamQuery {
    /// The place to go on from: the id of the last event that was seen, `SEQ` or
    /// `SEQ.ATTEMPT.BYTES`; from the beginning if not said.
    #[param(required = false, pattern = "^[0-9]{1,20}([.][0-9]{1,10}[.][0-9]{1,20})?$")]
    after: String,
    /// The same as `after`, and wins over it.
    #[param(required = false, pattern = "^[0-9]{1,20}([.][0-9]{1,10}[.][0-9]{1,20})?$")]
    last_event_id: String,
    /// `final`: the stream ends after the newest turn that was accepted before.
    #[param(required = false)]
    until: StreamEnd,
    /// `cumulative`: `assistant.stream` with the whole text so far in place of `assistant.delta`.
    #[param(required = false)]
    stream: StreamStyle,
}

/// Where a client was.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(crate) struct LastEventId {
    /// As `after`, and wins over it; an empty one is none.
    #[param(required = false, rename = "Last-Event-ID")]
    last_event_id: String,
}

/// How a message is known again.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(crate) struct IdempotencyKey {
    /// 1 to 255 visible ASCII characters: a repeated key gets the first answer.
    #[param(
        required = false,
        rename = "Idempotency-Key",
        min_length = 1,
        max_length = 255,
        pattern = "^[!-~]+$"
    )]
    idempotency_key: String,
}

/// Which sessions.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SessionsQuery {
    /// The `next_cursor` of the page before.
    #[param(
        required = false,
        pattern = "^[0-9]{1,18}~[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
    )]
    after: String,
    /// How many sessions; 50 if not said.
    #[param(required = false, minimum = 1, maximum = 200)]
    limit: usize,
}

/// Which events.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventsQuery {
    /// Only events after this number.
    #[param(required = false, maximum = 9_223_372_036_854_775_807_i64)]
    after: u64,
    /// How many events; 100 if not said.
    #[param(required = false, minimum = 1, maximum = 500)]
    limit: usize,
}

/// Which turns are to be cancelled.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct CancelQuery {
    /// `all`: also those that wait; `running` if not said.
    #[param(required = false)]
    turns: Turns,
}

/// The topic that a path names.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct TopicPath {
    /// The topic: its own name, or that of its dead letters.
    #[param(pattern = "^[a-z_.]+$")]
    topic: String,
}

/// The dead letter that a path names.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct LetterPath {
    /// The letter.
    id: Uuid,
}

/// Which dead letters.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct LettersQuery {
    /// The `next_cursor` of the page before.
    #[param(required = false, maximum = 9_223_372_036_854_775_807_i64)]
    after: u64,
    /// How many letters; 50 if not said.
    #[param(required = false, minimum = 1, maximum = 100)]
    limit: usize,
}
