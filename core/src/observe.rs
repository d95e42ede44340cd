//! What an operator must see: every failure once, as one line of the log with its cause and the ids to
//! find it by, and as a counter by reason. The names of core's counters are all here.

use serde_json::Value;

use crate::conversation::event::{Event, EventType};
use crate::conversation::model::ModelFailure;
use crate::ids::{SessionId, TurnId};
use crate::outbox::dead::DeadLetter;

/// Turns that ended, by `result`: `success`, or the reason of `turn.failed`.
pub const TURNS: &str = "conversation_worker_messages_total";
/// Calls of a language model that failed, those that are tried again too, by `reason`.
pub const MODEL_FAILURES: &str = "model_failures_total";
/// What was set aside, by `topic` and `reason`.
pub const DEAD_LETTERS: &str = "dead_letters_total";
/// Memory writes, by `result`: `ok`, `retry` or `failed`.
pub const MEMORY_WRITES: &str = "memory_sync_jobs_total";
/// Batches of the outbox, by `result`: `success`, `retry` or `failed`.
pub const PUBLISHED: &str = "outbox_sync_publish_total";

/// Says what each of core's counters counts, to what collects them.
pub fn describe_metrics() {
    for (name, says) in [
        (TURNS, "Turns that ended, by result: success, or the reason of turn.failed"),
        (
            MODEL_FAILURES,
            "Calls of the language model that failed, also those tried again, by reason",
        ),
        (DEAD_LETTERS, "What was set aside as a dead letter, by topic and reason"),
        (MEMORY_WRITES, "Memory writes, by result: ok, retry or failed"),
        (PUBLISHED, "Batches of the outbox, by result: success, retry or failed"),
    ] {
        metrics::describe_counter!(name, says);
    }
}

/// Why something was set aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetAside {
    /// It cannot be read: of another build, damaged, or none of ours.
    Unreadable,
    /// It reads well, but is about nothing that is known here.
    UnknownSubject,
    /// Records that should be in the log are not.
    RecordsMissing,
    /// The log will never take it.
    Unpublishable,
    /// The memory will never take it.
    Unmemorable,
    /// It was tried too often.
    GivenUp,
}

impl SetAside {
    /// Its name as a label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::UnknownSubject => "unknown_subject",
            Self::RecordsMissing => "records_missing",
            Self::Unpublishable => "unpublishable",
            Self::Unmemorable => "unmemorable",
            Self::GivenUp => "given_up",
        }
    }
}

/// Something was set aside.
pub fn dead_letter(letter: &DeadLetter, reason: SetAside) {
    let DeadLetter { topic, partition, offset, key, tenant, error, .. } = letter;
    let (id, reason) = (letter.id(), reason.as_str());
    let tenant = tenant.as_ref().map(ToString::to_string);
    tracing::error!(
        %topic, reason, error, %id, key, tenant, partition, offset,
        "something is set aside as a dead letter"
    );
    metrics::counter!(DEAD_LETTERS, "topic" => topic.as_str(), "reason" => reason).increment(1);
}

/// Events were recorded: the turn that they end is counted, and told if it failed.
pub(crate) fn turn_ended(events: &[Event]) {
    for event in events.iter().filter(|event| event.kind.is_terminal()) {
        let failed = event.kind == EventType::TurnFailed;
        let reason = event.metadata.get("reason").and_then(Value::as_str).unwrap_or("internal");
        let result = if failed { reason.to_owned() } else { "success".to_owned() };
        metrics::counter!(TURNS, "result" => result).increment(1);
        if failed {
            let turn = event.turn_id.map(|turn| turn.to_string());
            let (session, cause) = (event.session_id, &event.message);
            if reason == "cancelled" {
                tracing::info!(%session, turn, reason, cause, "a turn was cancelled");
            } else {
                tracing::warn!(%session, turn, reason, cause, "a turn failed");
            }
        }
    }
}

/// A model did not answer a call to the end; `failures` of this turn came before.
pub(crate) fn model_failed(
    session: SessionId,
    turn: TurnId,
    model: &str,
    failure: &ModelFailure,
    failures: u32,
) {
    let reason = failure.kind();
    tracing::warn!(
        %session, %turn, model, reason, cause = %failure, failures,
        "a call of the language model failed"
    );
    metrics::counter!(MODEL_FAILURES, "reason" => reason).increment(1);
}

/// A memory write was made, put off or set aside.
pub(crate) fn memory_written(result: &'static str) {
    metrics::counter!(MEMORY_WRITES, "result" => result).increment(1);
}

/// A batch of the outbox was published, or not.
pub(crate) fn published(result: &'static str) {
    metrics::counter!(PUBLISHED, "result" => result).increment(1);
}
