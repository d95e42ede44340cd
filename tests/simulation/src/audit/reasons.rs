//! Why a turn fails: for nothing that is not so.

use soma_core::budget::Tokens;
use soma_core::conversation::event::{Event, EventType};
use soma_core::conversation::model::ModelFailure;
use soma_core::ids::SessionId;
use soma_core::work::suspicion::MOST_TRIES;

use super::Books;
use super::invariant::{Invariant, Wrong};
use super::sessions::{Asks, Cancelled, Session, Turn};

/// How a turn ends that has its answer.
pub const ANSWERED: &str = "answered";
/// How a turn ends that a person cancelled.
pub const CANCELLED: &str = "cancelled";
/// A message of fewer bytes fits into what the model can read, with all that goes with it.
const SHORT: usize = 8_000;
/// No call of the model sets more tokens aside: as many as it can read and say.
pub(super) const LARGEST_CALL: Tokens = 4_200;
/// How often a model that failed in a way that may pass is asked.
const MODEL_TRIES: usize = 3;
/// A model that is busy for longer, in seconds, is not waited for.
const LONGEST_WAIT: u64 = 60;

/// What the auditor knows beside the session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    /// Whether policy failed to decide at any time.
    pub(super) policy_failed: bool,
    /// The most tokens that may have been set aside or used in the tenant's accounts at any time;
    /// none if there is no limit.
    pub(super) most_spent: Option<Tokens>,
    /// How many they may be.
    pub(super) limit: Tokens,
    /// Whether another model is asked when one does not answer.
    pub(super) has_fallback: bool,
}

impl Books {
    /// What is known beside a session that may be why a turn of it fails, if one does.
    pub(super) fn known(&self, session: SessionId, events: &[Event]) -> Option<Known> {
        let fails = events.iter().any(|event| event.kind == EventType::TurnFailed);
        let session = self.sessions.by_id.get(&session).filter(|_| fails)?;
        let of_tenant = self.sessions.by_id.values().filter(|one| one.tenant == session.tenant);
        let open = of_tenant.filter(|one| one.head().is_some()).count() as Tokens;
        Some(Known {
            policy_failed: self.policy_failed,
            most_spent: self.accounts.peak(&session.tenant).map(|peak| peak + open * LARGEST_CALL),
            limit: self.accounts.limit().unwrap_or(Tokens::MAX),
            has_fallback: self.rules.fallback.is_some(),
        })
    }
}

/// What a turn says that it failed for is so, as far as the auditor can know.
pub(super) fn failed_for(session: &Session, known: Known, event: &Event) -> Result<(), Wrong> {
    let turn = event.turn_id.and_then(|id| session.turns.iter().find(|turn| turn.id == id));
    let Some(turn) = turn.filter(|_| event.kind == EventType::TurnFailed) else { return Ok(()) };
    let reason = event.metadata.get("reason").and_then(|reason| reason.as_str());
    match is_not_so(turn, known, reason.unwrap_or_default()) {
        Some(fact) => Err((Invariant::Reason, format!("{} failed as {reason:?}: {fact}", turn.id))),
        None => Ok(()),
    }
}

fn is_not_so(turn: &Turn, known: Known, reason: &str) -> Option<&'static str> {
    match reason {
        CANCELLED => (turn.cancelled == Cancelled::No).then_some("nobody cancelled it"),
        "over_budget" => match known.most_spent {
            None => Some("there is no limit"),
            Some(most) => (most <= known.limit).then_some("there was room"),
        },
        "policy_denied" if turn.leave.answer => Some("it has leave"),
        "policy_denied" => {
            (!turn.said.denied && !known.policy_failed).then_some("policy allows it, and decided")
        }
        "too_long" => (turn.said.bytes < SHORT).then_some("it is short"),
        "timeout" | "content_filter" | "model_error" => {
            let failures = &turn.model_failures;
            if failures.iter().all(|failure| named(failure) != reason) {
                return Some("the model did not fail so");
            }
            let is_last = turn.asks == Asks::Fallback || !known.has_fallback;
            let is_enough = is_last && is_enough(failures);
            (!is_enough).then_some("the model was not asked again")
        }
        "internal" => (turn.tries < MOST_TRIES).then_some("it was not tried often enough"),
        _ => Some("nothing of the kind happens here"),
    }
}

/// How a turn ends: `answered`, or the reason why it is not.
pub(super) fn ending(event: &Event) -> String {
    match event.metadata.get("reason").and_then(|reason| reason.as_str()) {
        Some(reason) if event.kind == EventType::TurnFailed => reason.to_owned(),
        Some(_) | None => ANSWERED.to_owned(),
    }
}

/// What a turn says that ends with this failure.
const fn named(failure: &ModelFailure) -> &'static str {
    match failure {
        ModelFailure::Timeout => "timeout",
        ModelFailure::ContentFilter => "content_filter",
        ModelFailure::TooLong => "too_long",
        ModelFailure::Unauthorized
        | ModelFailure::NotFound
        | ModelFailure::RateLimited { .. }
        | ModelFailure::Refused(_)
        | ModelFailure::Unavailable(_)
        | ModelFailure::Broken => "model_error",
    }
}

/// Whether a model that failed so need not be asked again.
pub(super) fn is_enough(failures: &[ModelFailure]) -> bool {
    failures.len() >= MODEL_TRIES || failures.iter().any(is_final)
}

/// Whether asking again would not help, or not soon.
const fn is_final(failure: &ModelFailure) -> bool {
    match failure {
        ModelFailure::RateLimited { retry_after_seconds: Some(seconds) } => *seconds > LONGEST_WAIT,
        ModelFailure::RateLimited { retry_after_seconds: None }
        | ModelFailure::Unavailable(_)
        | ModelFailure::Broken
        | ModelFailure::Timeout => false,
        ModelFailure::Unauthorized
        | ModelFailure::NotFound
        | ModelFailure::TooLong
        | ModelFailure::ContentFilter
        | ModelFailure::Refused(_) => true,
    }
}
