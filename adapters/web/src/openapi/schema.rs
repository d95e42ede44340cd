//! The shapes on the wire, for the description only: the values themselves are the core's. Tests
//! keep the two together.
#![expect(dead_code, reason = "a shape is described by its fields, which nobody reads")]
#![expect(clippy::struct_field_names, reason = "the names are those on the wire")]

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use utoipa::openapi::{Ref, RefOr, Response};
use utoipa::{IntoResponses, ToResponse, ToSchema};
use uuid::Uuid;

/// A message.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Message {
    /// The conversation it continues; without it a new one is opened.
    session_id: Option<Uuid>,
    /// The persona that is addressed.
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9._@-]+$")]
    persona_id: Option<String>,
    /// What the person says: something to see, and at most 256 KiB.
    #[schema(min_length = 1, max_length = 262_144)]
    message: String,
    /// Ids of attachments.
    #[schema(max_items = 32, required = false)]
    attachments: Vec<AttachmentId>,
    /// Anything else, at most 16 KiB.
    #[schema(additional_properties, required = false)]
    metadata: BTreeMap<String, Value>,
    /// What to do if a turn of the session is running; `enqueue` if not said.
    when_busy: Option<WhenBusy>,
}

/// The id of an attachment.
#[derive(Deserialize, ToSchema)]
#[schema(min_length = 1, max_length = 256)]
pub(crate) struct AttachmentId(String);

/// What to do if a turn of the session is running.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WhenBusy {
    /// Wait for its end.
    Enqueue,
    /// Refuse the message.
    Reject,
    /// Cancel the running turn.
    Interrupt,
}

/// What a message became.
#[derive(ToSchema)]
pub(crate) struct Receipt {
    /// The conversation.
    session_id: Uuid,
    /// The `user.message`.
    event_id: Uuid,
    /// The turn that answers it.
    turn_id: Uuid,
}

/// Refused; nothing was changed.
#[derive(ToResponse)]
#[response(content_type = "application/problem+json")]
pub(crate) struct Refused(Problem);

/// Every request may be refused.
impl IntoResponses for Refused {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let refused = || Ref::from_response_name("Refused").into();
        BTreeMap::from([("4XX".into(), refused()), ("default".into(), refused())])
    }
}

/// A problem document (RFC 9457).
#[derive(ToSchema)]
pub(crate) struct Problem {
    /// Which kind: `/problems/<name>`, stable.
    r#type: String,
    /// What the kind means.
    title: String,
    /// The HTTP status.
    status: u16,
    /// What happened this time.
    detail: Option<String>,
    /// What is wrong, field by field.
    #[schema(required = false)]
    errors: Vec<FieldProblem>,
}

/// What is wrong with a field.
#[derive(ToSchema)]
pub(crate) struct FieldProblem {
    /// The field, parameter or header.
    field: String,
    /// What is wrong with it.
    problem: String,
}

/// The data of an event of a stream.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Streamed {
    /// A durable event, as it is stored.
    Event(Event),
    /// A piece of the running answer.
    Piece(AnswerPiece),
}

/// A durable event, envelope `sa01-v1`.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Event {
    /// Unique in the session.
    event_id: Uuid,
    /// Its number in the session: 1, 2, 3 … without a gap.
    seq: u64,
    /// The session.
    session_id: Uuid,
    /// The turn it belongs to.
    #[schema(required = true)]
    turn_id: Option<Uuid>,
    /// The persona that was addressed.
    #[schema(required = true)]
    persona_id: Option<String>,
    /// `user`, `assistant`, `tool` or `system`.
    role: String,
    /// What happened: `user.message`, `assistant.final`, `turn.failed` … `event.unreadable` stands for
    /// an event that cannot be read any more.
    r#type: String,
    /// The text for people; may be empty.
    message: String,
    /// Everything else, by type.
    #[schema(additional_properties)]
    metadata: BTreeMap<String, Value>,
    /// Always `sa01-v1`.
    version: String,
    /// When it happened (RFC 3339).
    #[schema(format = DateTime)]
    occurred_at: String,
    /// The salt of the content's digest, in hex.
    nonce: String,
    /// The head of the chain of hashes after this event, in hex.
    hash: String,
}

/// A piece of the running answer: `assistant.delta`.
#[derive(Deserialize, ToSchema)]
pub(crate) struct AnswerPiece {
    /// `assistant.delta`.
    r#type: String,
    /// Always `sa01-v1`.
    version: String,
    /// The session.
    session_id: Uuid,
    /// The turn that is answered.
    turn_id: Uuid,
    /// The attempt: a higher one voids what came before.
    attempt: u32,
    /// Counts up within an attempt: where the piece ends in the answer, in bytes of UTF-8.
    stream_index: usize,
    /// Where the piece begins in the answer, in bytes of UTF-8.
    offset: usize,
    /// The text.
    delta: String,
}

/// The chain of hashes over a session's events.
#[derive(ToSchema)]
pub(crate) struct Chain {
    /// How many events there are.
    count: u64,
    /// The hash of the last, in hex.
    head: String,
}

/// A session.
#[derive(ToSchema)]
pub(crate) struct Session {
    /// Which.
    session_id: Uuid,
    /// The persona it was opened with.
    #[schema(required = true)]
    persona_id: Option<String>,
    /// When it was opened.
    #[schema(format = DateTime)]
    created_at: String,
    /// When its last event was recorded.
    #[schema(format = DateTime)]
    updated_at: String,
    /// Its events, as a chain.
    chain: Chain,
    /// How many turns were accepted.
    turns_accepted: u64,
    /// How many turns are done.
    turns_done: u64,
}

/// A page of sessions.
#[derive(ToSchema)]
pub(crate) struct SessionPage {
    /// The sessions.
    items: Vec<Session>,
    /// What to ask for as `after` next; null on the last page.
    #[schema(required = true)]
    next_cursor: Option<String>,
}

/// A page of events.
#[derive(ToSchema)]
pub(crate) struct EventPage {
    /// The session.
    session_id: Uuid,
    /// The events.
    events: Vec<Event>,
    /// What to ask for as `after` next; null on the last page.
    #[schema(required = true)]
    next_cursor: Option<u64>,
}

/// What was said in a session.
#[derive(ToSchema)]
pub(crate) struct History {
    /// The session.
    session_id: Uuid,
    /// Messages, answers and failures.
    events: Vec<Event>,
}

/// A cancellation that will be done.
#[derive(ToSchema)]
pub(crate) struct Cancelled {
    /// `accepted`.
    status: String,
    /// The session.
    session_id: Uuid,
}

/// A tool.
#[derive(ToSchema)]
pub(crate) struct Tool {
    /// Its name.
    name: String,
    /// What it does.
    description: String,
    /// JSON Schema of its arguments.
    #[schema(additional_properties)]
    parameters: BTreeMap<String, Value>,
    /// Whether running it twice does no more than running it once.
    idempotent: bool,
    /// Whether a person must agree to each call.
    needs_approval: bool,
    /// How long one call may take.
    timeout_seconds: u64,
}

/// The tools.
#[derive(ToSchema)]
pub(crate) struct Tools {
    /// By name.
    tools: Vec<Tool>,
    /// How many.
    count: usize,
}

/// A request of a tool.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ToolRequest {
    /// The session that gets the result.
    session_id: Uuid,
    /// The tool.
    #[schema(min_length = 1)]
    tool_name: String,
    /// Its arguments, at most 64 KiB.
    #[schema(additional_properties, required = false)]
    args: BTreeMap<String, Value>,
}

/// What a request of a tool became.
#[derive(ToSchema)]
pub(crate) struct ToolReceipt {
    /// `enqueued`.
    status: String,
    /// The `tool.requested`.
    event_id: Uuid,
    /// The call: the `tool.result` names it.
    call_id: Uuid,
}

/// A word on how it is.
#[derive(ToSchema)]
pub(crate) struct Status {
    /// `ok` or `ready`.
    status: String,
}
