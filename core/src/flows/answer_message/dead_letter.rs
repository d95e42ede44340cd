//! Ends a turn whose record cannot be gone on from: of another build, or damaged. The person is told,
//! an operator sees it, and the session goes on.

use serde_json::{Value, json};

use super::AnswerMessage;
use super::commit::tell_counter;
use super::drive::TRIES;
use crate::flows::claims::{Handled, Signals};
use crate::flows::persist::persist;
use crate::observe::{self, SetAside};
use crate::outbox::dead::{DeadLetter, Origin};
use crate::outbox::topic::Topic;
use crate::ports::work::Claim;
use crate::ports::{Notification, PortResult};
use crate::time::Timestamp;
use crate::tool::CallRecord;
use crate::turn::input::Input;
use crate::turn::machine::Turn;
use crate::turn::step::{Effects, EventDraft};
use crate::unreadable::Unreadable;
use crate::work::commit::{Commit, CommitOutcome, Fence, TurnProgress, WorkKind};
use crate::work::session::{TurnRecord, TurnState};

/// Sets aside a turn whose inputs can be read, but do not lead anywhere.
pub(super) async fn dead_letter(
    flow: &AnswerMessage,
    claim: &Claim,
    signals: &Signals,
    record: &TurnRecord,
    error: String,
) -> PortResult<Handled> {
    let effects = Turn::write_off(record.turn_id, &record.inputs);
    let payload = json!({"turn_id": record.turn_id, "inputs": record.inputs});
    let letter = letter(claim, &payload, error, flow.world.clock.now());
    set_aside(flow, claim, signals, record, effects, letter).await
}

/// Sets aside a turn of which not all can be read, with all that is stored of it.
pub(super) async fn dead_letter_unread(
    flow: &AnswerMessage,
    claim: &Claim,
    signals: &Signals,
    record: &TurnRecord,
    unreadable: &Unreadable,
) -> PortResult<Handled> {
    let effects = Turn::write_off_unread(record.turn_id, record.steps);
    let payload = json!({"turn_id": record.turn_id, "stored": unreadable.raw});
    let error = format!("its record cannot be read: {}", unreadable.error);
    let letter = letter(claim, &payload, error, flow.world.clock.now());
    set_aside(flow, claim, signals, record, effects, letter).await
}

/// A call of a turn, as it is set aside when it cannot be read.
pub(super) fn unread_call(call: &CallRecord, unreadable: &Unreadable, at: Timestamp) -> DeadLetter {
    DeadLetter {
        topic: Topic::ToolResults,
        partition: None,
        offset: None,
        key: call.session_id.to_string(),
        tenant: Some(call.tenant.clone()),
        payload: json!({"call_id": call.call.call_id, "stored": unreadable.raw}).to_string(),
        error: format!("the call cannot be read: {}", unreadable.error),
        at,
        origin: Origin::State,
    }
}

fn letter(claim: &Claim, payload: &Value, error: String, at: Timestamp) -> DeadLetter {
    DeadLetter {
        topic: Topic::ConversationInbound,
        partition: None,
        offset: None,
        key: claim.session_id.to_string(),
        tenant: Some(claim.tenant.clone()),
        payload: payload.to_string(),
        error,
        at,
        origin: Origin::State,
    }
}

/// Ends the turn with these effects, keeps its letter, and releases the claim.
async fn set_aside(
    flow: &AnswerMessage,
    claim: &Claim,
    signals: &Signals,
    record: &TurnRecord,
    effects: Effects,
    letter: DeadLetter,
) -> PortResult<Handled> {
    let at = letter.at;
    let fence = Fence::Work { kind: WorkKind::Turns, epoch: claim.epoch };
    let mut commit = Commit::new(claim.tenant.clone(), claim.session_id, fence, at);
    commit.trace = record.inputs.iter().find_map(|recorded| {
        let Input::Accepted(accepted) = &recorded.input else { return None };
        accepted.trace.clone()
    });
    let turn_id = Some(record.turn_id);
    let seal = |draft: EventDraft| draft.seal(turn_id, None, at, flow.world.ids.nonce());
    commit.events = effects.record.into_iter().map(seal).collect();
    commit.usage = effects.usage;
    commit.turn = Some(TurnProgress {
        turn_id: record.turn_id,
        from_step: record.steps,
        inputs: Vec::new(),
        state: TurnState::Done,
    });
    commit.dead = vec![letter];
    commit.release = true;
    signals.releasing.trigger();
    let outcome = persist(&*flow.ports.store, &flow.world, &commit, TRIES).await?;
    let recorded = match outcome {
        CommitOutcome::Committed(events) | CommitOutcome::AlreadyDone(events) => Some(events),
        CommitOutcome::Answered(_)
        | CommitOutcome::KeyReused
        | CommitOutcome::OverBudget
        | CommitOutcome::Conflict
        | CommitOutcome::TurnDone
        | CommitOutcome::Fenced
        | CommitOutcome::NoSession => None,
    };
    if let Some(events) = &recorded {
        observe::turn_ended(events);
        for letter in &commit.dead {
            observe::dead_letter(letter, SetAside::Unreadable);
        }
        tell_counter(&*flow.ports.budget, commit.usage).await;
    }
    flow.world.wake.notify(Notification::Outbox);
    Ok(Handled { released: recorded.is_some(), more: true })
}
