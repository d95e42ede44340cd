//! Ends a turn whose record cannot be gone on from: of another build, or damaged. The person is told,
//! an operator sees it, and the session goes on.

use serde_json::json;

use super::AnswerMessage;
use super::commit::tell_counter;
use super::drive::TRIES;
use crate::flows::claims::Handled;
use crate::flows::persist::persist;
use crate::outbox::dead::DeadLetter;
use crate::outbox::topic::Topic;
use crate::ports::work::Claim;
use crate::ports::{Notification, PortResult};
use crate::turn::machine::Turn;
use crate::turn::step::EventDraft;
use crate::work::commit::{Commit, CommitOutcome, Fence, TurnProgress, WorkKind};
use crate::work::session::{TurnRecord, TurnState};

/// Sets the turn aside, with its terminal event, and releases the claim.
pub(super) async fn dead_letter(
    flow: &AnswerMessage,
    claim: &Claim,
    record: &TurnRecord,
    error: String,
) -> PortResult<Handled> {
    tracing::error!(turn = %record.turn_id, error, "a turn is set aside");
    let at = flow.world.clock.now();
    let fence = Fence::Work { kind: WorkKind::Turns, epoch: claim.epoch };
    let mut commit = Commit::new(claim.tenant.clone(), claim.session_id, fence, at);
    let effects = Turn::write_off(record.turn_id, &record.inputs);
    let turn_id = Some(record.turn_id);
    let seal = |draft: EventDraft| draft.seal(turn_id, None, at, flow.world.ids.nonce());
    commit.events = effects.record.into_iter().map(seal).collect();
    commit.usage = effects.usage;
    commit.turn = Some(TurnProgress {
        turn_id: record.turn_id,
        from_step: u32::try_from(record.inputs.len()).unwrap_or(u32::MAX),
        inputs: Vec::new(),
        state: TurnState::Done,
    });
    commit.dead = vec![DeadLetter {
        topic: Topic::ConversationInbound,
        partition: None,
        offset: None,
        key: claim.session_id.to_string(),
        tenant: Some(claim.tenant.clone()),
        payload: json!({"turn_id": record.turn_id, "inputs": record.inputs}).to_string(),
        error,
        at,
    }];
    commit.release = true;
    let outcome = persist(&*flow.ports.store, &flow.world, &commit, TRIES).await?;
    let released = matches!(outcome, CommitOutcome::Committed(_) | CommitOutcome::AlreadyDone(_));
    if released {
        tell_counter(&*flow.ports.budget, commit.usage).await;
    }
    flow.world.wake.notify(Notification::Outbox);
    Ok(Handled { released, more: true })
}
