//! The payloads of `conversation.inbound`, `tool.requests`, `tool.results` and `memory.wal`: made here.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::message::{OutboxMessage, Record, encode};
use super::topic::Topic;
use crate::ids::{CallId, EventId, SessionId, TenantId, TurnId, derive};
use crate::memory::WalEvent;
use crate::redact::json_error;
use crate::tool::{CallRecord, ToolCall, ToolOutcome};
use crate::trace::TraceContext;
use crate::turn::input::Accepted;

/// The message that carries an accepted message to a worker.
pub fn inbound(turn: TurnId, accepted: &Accepted) -> OutboxMessage {
    let mut metadata = accepted.metadata.clone();
    metadata.insert("tenant".into(), json!(accepted.tenant));
    OutboxMessage {
        topic: Topic::ConversationInbound,
        key: accepted.session_id.to_string(),
        kind: "user.message".into(),
        tenant: accepted.tenant.clone(),
        event_id: *accepted.event_id.as_uuid(),
        trace: None,
        payload: encode(&json!({
            "event_id": accepted.event_id,
            "session_id": accepted.session_id,
            "turn_id": turn,
            "persona_id": accepted.persona_id,
            "message": accepted.message,
            "attachments": accepted.attachments,
            "metadata": metadata,
            "role": "user",
        })),
        numbered_by: Some(accepted.event_id),
    }
}

/// The message that carries a tool call to an executor.
pub fn tool_request(
    tenant: &TenantId,
    session: SessionId,
    turn: Option<TurnId>,
    call: &ToolCall,
) -> OutboxMessage {
    let arguments: Value =
        serde_json::from_str(&call.arguments).unwrap_or_else(|_| json!({"_raw": call.arguments}));
    OutboxMessage {
        topic: Topic::ToolRequests,
        key: session.to_string(),
        kind: "tool.request".into(),
        tenant: tenant.clone(),
        event_id: *call.call_id.as_uuid(),
        trace: None,
        payload: encode(&json!({
            "event_id": call.call_id,
            "call_id": call.call_id,
            "session_id": session,
            "turn_id": turn,
            "tool_name": call.tool_name,
            "args": arguments,
            "metadata": {"tenant": tenant, "request_id": call.call_id},
        })),
        numbered_by: None,
    }
}

/// The message that carries a tool's result to whoever waits for it.
pub fn tool_result(record: &CallRecord, outcome: &ToolOutcome) -> OutboxMessage {
    let event_id = result_id(outcome.call_id);
    OutboxMessage {
        topic: Topic::ToolResults,
        key: record.session_id.to_string(),
        kind: "tool.result".into(),
        tenant: record.tenant.clone(),
        event_id: *event_id.as_uuid(),
        trace: record.trace.clone(),
        payload: encode(&json!({
            "event_id": event_id,
            "call_id": outcome.call_id,
            "session_id": record.session_id,
            "turn_id": record.turn_id,
            "tool_name": record.call.tool_name,
            "status": outcome.status,
            "payload": outcome.payload,
            "metadata": {"tenant": record.tenant, "request_id": outcome.call_id},
            "execution_time": outcome.execution_time,
        })),
        numbered_by: None,
    }
}

/// The message that tells the replica of a memory that was written, in the trace of the commit that
/// left it to be written.
pub fn memory_written(wal: &WalEvent, trace: Option<TraceContext>) -> OutboxMessage {
    OutboxMessage {
        topic: Topic::MemoryWal,
        key: wal.write.session_id.to_string(),
        kind: WalEvent::TYPE.into(),
        tenant: wal.write.tenant.clone(),
        event_id: *wal.write.event_id.as_uuid(),
        trace,
        payload: encode(wal),
        numbered_by: None,
    }
}

/// The id of the `tool.result` of a call.
pub fn result_id(call: CallId) -> EventId {
    EventId::from_uuid(derive(*call.as_uuid(), "result"))
}

/// What arrives with a record of one of these topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Subject {
    /// An accepted message: its turn becomes ready.
    Turn(TurnId),
    /// A request of a tool: the call becomes ready.
    ToolRequest(CallId),
    /// A tool's result: the turn that waits for it becomes ready.
    ToolResult(CallId),
}

/// What a record of one of these topics is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heading {
    /// Whose, by its own word.
    pub tenant: TenantId,
    /// The conversation.
    pub session_id: SessionId,
    /// What arrived.
    pub subject: Subject,
}

#[derive(Deserialize)]
struct Fields {
    session_id: SessionId,
    turn_id: Option<TurnId>,
    call_id: Option<CallId>,
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    tenant: TenantId,
}

/// Why a record cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableRecord {
    /// It is not JSON of the topic's shape.
    #[error("not a record of this topic: {0}")]
    Shape(String),
    /// It names no subject of the topic.
    #[error("the field {0} is missing")]
    Missing(&'static str),
    /// Records of this topic do not become work.
    #[error("records of this topic are not work")]
    Topic,
}

/// Reads what a record is about.
///
/// # Errors
///
/// [`UnreadableRecord`] for a dead letter: trying again cannot help.
pub fn heading(topic: Topic, record: &Record) -> Result<Heading, UnreadableRecord> {
    let fields: Fields = serde_json::from_slice(&record.value)
        .map_err(|error| UnreadableRecord::Shape(json_error(&error)))?;
    let turn = fields.turn_id.ok_or(UnreadableRecord::Missing("turn_id"));
    let call = fields.call_id.ok_or(UnreadableRecord::Missing("call_id"));
    let subject = match topic {
        Topic::ConversationInbound => Subject::Turn(turn?),
        Topic::ToolRequests => Subject::ToolRequest(call?),
        Topic::ToolResults => Subject::ToolResult(call?),
        Topic::ConversationOutbound
        | Topic::MemoryWal
        | Topic::ConfigUpdates
        | Topic::ConversationInboundDlq
        | Topic::ConversationOutboundDlq
        | Topic::ToolRequestsDlq
        | Topic::ToolResultsDlq
        | Topic::MemoryWalDlq
        | Topic::ConfigUpdatesDlq => return Err(UnreadableRecord::Topic),
    };
    Ok(Heading { tenant: fields.metadata.tenant, session_id: fields.session_id, subject })
}

/// The id of the request of a tool by a client, as an event.
pub fn request_event(call: CallId) -> EventId {
    EventId::from_uuid(derive(*call.as_uuid(), "requested"))
}
