//! Putting what a commit publishes into the outbox.

use rusqlite::{Connection, params};
use soma_core::conversation::event::Event;
use soma_core::ids::TenantId;
use soma_core::outbox::lane::Lane;
use soma_core::outbox::message::OutboxMessage;
use soma_core::outbox::topic::Topic;
use soma_core::time::Timestamp;
use soma_core::trace::TraceContext;

use crate::database::SqlError;

/// Queues a message.
pub(crate) fn enqueue(
    connection: &Connection,
    message: &OutboxMessage,
    at: Timestamp,
) -> Result<(), SqlError> {
    connection
        .prepare_cached(
            "INSERT INTO outbox (lane, tenant, topic, key, kind, event_id, payload,
                                 traceparent, tracestate, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            Lane::of(&message.key).0,
            message.tenant.as_str(),
            message.topic.as_str(),
            message.key,
            message.kind,
            message.event_id,
            &message.payload[..],
            message.trace.as_ref().map(TraceContext::traceparent),
            message.trace.as_ref().and_then(TraceContext::tracestate),
            at.as_micros(),
        ])?;
    Ok(())
}

/// Queues the publication of the events of a commit, which are recorded: one row refers to them all.
pub(crate) fn refer(
    connection: &Connection,
    tenant: &TenantId,
    events: &[Event],
    trace: Option<&TraceContext>,
    at: Timestamp,
) -> Result<(), SqlError> {
    let (Some(first), Some(last)) = (events.first(), events.last()) else { return Ok(()) };
    let key = first.session_id.to_string();
    let kinds: Vec<&str> = events.iter().map(|event| event.kind.as_str()).collect();
    connection
        .prepare_cached(
            "INSERT INTO outbox (lane, tenant, topic, key, kind, first_seq, last_seq,
                                 traceparent, tracestate, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            Lane::of(&key).0,
            tenant.as_str(),
            Topic::ConversationOutbound.as_str(),
            key,
            kinds.join(" "),
            first.seq.0,
            last.seq.0,
            trace.map(TraceContext::traceparent),
            trace.and_then(TraceContext::tracestate),
            at.as_micros(),
        ])?;
    Ok(())
}
