//! Runs the tool calls of a session: claimed before they run, at most once unless they may be
//! repeated, their results events of the session.

mod held;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{Either, join, join_all, select};
use serde_json::{Map, Value, json};
use tracing::Instrument;

use self::held::Held;
use super::claims::{CancelledTurns, Handle, Handled, Told};
use super::decide::decide;
use super::persist::{UNTIL_DROPPED, persist, retry};
use super::world::World;
use crate::conversation::event::{EventType, NewEvent, Role};
use crate::ids::{EventId, derive};
use crate::observe::{self, SetAside};
use crate::outbox::dead::{DeadLetter, Origin};
use crate::outbox::topic::Topic;
use crate::outbox::wire;
use crate::policy::{Action, Decision, PolicyRequest};
use crate::ports::tool::ToolContext;
use crate::ports::work::Claim;
use crate::ports::{Notification, Policy, PortResult, Store, Toolbox};
use crate::spans;
use crate::tool::{
    CallChange, CallRecord, CallState, NEEDS_APPROVAL, ToolCall, ToolOutcome, ToolSpec, ToolStatus,
};
use crate::unreadable::Unreadable;
use crate::work::commit::{Commit, CommitOutcome, Fence, WorkKind};

const TRIES: u32 = 6;
/// How often a tool that may be repeated is run.
const MAX_RUNS: u32 = 3;
/// How long a tool may still run that was told that its turn is cancelled.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Runs tools.
#[derive(Clone)]
pub struct RunTools {
    store: Arc<dyn Store>,
    policy: Arc<dyn Policy>,
    tools: Arc<dyn Toolbox>,
    world: World,
}

/// Whether a call is still ours to go on with.
enum Ours {
    Yes,
    TurnDone,
    No,
}

impl RunTools {
    /// Builds the use case.
    pub fn new(
        store: Arc<dyn Store>,
        policy: Arc<dyn Policy>,
        tools: Arc<dyn Toolbox>,
        world: World,
    ) -> Self {
        Self { store, policy, tools, world }
    }

    /// Runs calls side by side, as policy decides on them in one call.
    async fn run_calls(
        &self,
        held: &Held<'_>,
        records: Vec<CallRecord>,
        cancelled: &CancelledTurns,
    ) -> PortResult<()> {
        let tenant = &held.claim.tenant;
        let tools = retry(&self.world, TRIES, || self.tools.specs(tenant)).await?;
        let may_run =
            |record: &CallRecord| record.unreadable.is_none() && refusal(record, &tools).is_none();
        let (due, refused): (Vec<_>, Vec<_>) = records.into_iter().partition(may_run);
        let refused = join_all(refused.iter().map(|record| self.refuse(held, record, &tools)));
        let run = async {
            let requests: Vec<_> = due.iter().map(policy_request).collect();
            let decisions = match &*requests {
                [] => Vec::new(),
                requests => decide(&*self.policy, &self.world, requests, TRIES).await,
            };
            let run = |(record, decision)| self.run_call(held, record, decision, cancelled);
            join_all(due.iter().zip(decisions).map(run)).await
        };
        let (refused, run) = join(refused, run).await;
        refused.into_iter().chain(run).collect()
    }

    /// Ends a call that is not to be run.
    async fn refuse(
        &self,
        held: &Held<'_>,
        record: &CallRecord,
        tools: &[ToolSpec],
    ) -> PortResult<()> {
        if let Some(unreadable) = &record.unreadable {
            return self.refuse_unread(held, record, unreadable).await;
        }
        match refusal(record, tools) {
            Some(outcome) => self.finish(held, record, outcome, Vec::new()).await,
            None => Ok(()),
        }
    }

    async fn run_call(
        &self,
        held: &Held<'_>,
        record: &CallRecord,
        decision: Decision,
        cancelled: &CancelledTurns,
    ) -> PortResult<()> {
        if !decision.allow {
            let reason = decision.reason();
            let outcome = ToolOutcome::failed(record.call.call_id, ToolStatus::Blocked, reason);
            return self.finish(held, record, outcome, vec![decision]).await;
        }
        match self.start(held, record, decision).await? {
            Ours::No => Ok(()),
            Ours::TurnDone => self.cancel(held, record).await,
            Ours::Yes => {
                let outcome = self.run(record, cancelled).await;
                self.finish(held, record, outcome, Vec::new()).await
            }
        }
    }

    /// Ends a call that cannot be read, and sets it aside: whoever waits for it goes on.
    async fn refuse_unread(
        &self,
        held: &Held<'_>,
        record: &CallRecord,
        unreadable: &Unreadable,
    ) -> PortResult<()> {
        let call_id = record.call.call_id;
        let letter = DeadLetter {
            topic: Topic::ToolRequests,
            partition: None,
            offset: None,
            key: record.session_id.to_string(),
            tenant: Some(record.tenant.clone()),
            payload: json!({"call_id": call_id, "stored": unreadable.raw}).to_string(),
            error: format!("the call cannot be read: {}", unreadable.error),
            at: self.world.clock.now(),
            origin: Origin::State,
        };
        let message = "what the tool was asked for cannot be read any more: it was not run";
        let outcome = ToolOutcome::failed(call_id, ToolStatus::Error, message);
        let mut commit = self.result(held, record, outcome);
        commit.dead = vec![letter.clone()];
        self.write_result(held, record, &commit).await?;
        observe::dead_letter(&letter, SetAside::Unreadable);
        Ok(())
    }

    /// Runs a tool. When the turn that waits for it is cancelled it is told so, and dropped if it
    /// does not end soon. What a client asked for runs to its end.
    async fn run(&self, record: &CallRecord, cancelled: &CancelledTurns) -> ToolOutcome {
        let context = ToolContext::new(record.tenant.clone(), record.session_id);
        let over = async {
            match record.turn_id {
                Some(turn) => cancelled.of(turn).wait().await,
                None => std::future::pending().await,
            }
            context.cancelled.trigger();
            self.world.timer.sleep(LAST_WORDS).await;
        };
        let ToolCall { call_id, tool_name, .. } = &record.call;
        let span = spans::tool(tool_name, *call_id, record.trace.as_ref());
        let running = self.tools.run(&context, &record.call).instrument(span.clone());
        let outcome = match select(std::pin::pin!(running), std::pin::pin!(over)).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right(_) => {
                let message = "the turn was cancelled while the tool ran";
                ToolOutcome::failed(*call_id, ToolStatus::Cancelled, message)
            }
        };
        spans::ran(&span, outcome.status);
        outcome
    }

    /// Counts the try and says so, before anything is done.
    async fn start(
        &self,
        held: &Held<'_>,
        record: &CallRecord,
        decision: Decision,
    ) -> PortResult<Ours> {
        let call_id = record.call.call_id;
        let mut commit = self.commit(held, record);
        let what = format!("start/{}", record.tries + 1);
        let id = EventId::from_uuid(derive(*call_id.as_uuid(), &what));
        commit.events =
            vec![self.event(record, id, EventType::ToolStart, String::new(), Map::new())];
        commit.calls = vec![CallChange::Claim { call_id }];
        commit.decisions = vec![decision];
        self.write(held, &commit).await
    }

    async fn finish(
        &self,
        held: &Held<'_>,
        record: &CallRecord,
        outcome: ToolOutcome,
        decisions: Vec<Decision>,
    ) -> PortResult<()> {
        let mut commit = self.result(held, record, outcome);
        commit.decisions = decisions;
        self.write_result(held, record, &commit).await
    }

    /// The commit by which a call ends.
    fn result(&self, held: &Held<'_>, record: &CallRecord, outcome: ToolOutcome) -> Commit {
        let mut commit = self.commit(held, record);
        let metadata = Map::from_iter([
            ("status".into(), json!(outcome.status)),
            ("execution_time".into(), json!(outcome.execution_time)),
        ]);
        let id = wire::result_id(outcome.call_id);
        let message = outcome.payload.to_string();
        commit.events = vec![self.event(record, id, EventType::ToolResult, message, metadata)];
        commit.outbox = vec![wire::tool_result(record, &outcome)];
        commit.calls = vec![CallChange::Finish { outcome }];
        commit.release = held.is_last();
        commit
    }

    async fn write_result(
        &self,
        held: &Held<'_>,
        record: &CallRecord,
        commit: &Commit,
    ) -> PortResult<()> {
        match self.write(held, commit).await? {
            Ours::Yes | Ours::No => Ok(()),
            Ours::TurnDone => self.cancel(held, record).await,
        }
    }

    /// Ends a call whose turn is over: nothing follows a terminal event, so only the ledger hears
    /// of it.
    async fn cancel(&self, held: &Held<'_>, record: &CallRecord) -> PortResult<()> {
        let mut commit = self.commit(held, record);
        commit.live_turn = None;
        let message = "the turn was over before the tool ended";
        let call_id = record.call.call_id;
        let outcome = ToolOutcome::failed(call_id, ToolStatus::Cancelled, message);
        commit.calls = vec![CallChange::Finish { outcome }];
        commit.release = held.is_last();
        self.write(held, &commit).await?;
        Ok(())
    }

    fn commit(&self, held: &Held<'_>, record: &CallRecord) -> Commit {
        let claim = held.claim;
        let fence = Fence::Work { kind: WorkKind::Calls, epoch: claim.epoch };
        let now = self.world.clock.now();
        let mut commit = Commit::new(claim.tenant.clone(), claim.session_id, fence, now);
        commit.live_turn = record.turn_id;
        commit.trace.clone_from(&record.trace);
        commit
    }

    fn event(
        &self,
        record: &CallRecord,
        event_id: EventId,
        kind: EventType,
        message: String,
        mut metadata: Map<String, Value>,
    ) -> NewEvent {
        metadata.insert("call_id".into(), json!(record.call.call_id));
        metadata.insert("tool_call_id".into(), json!(record.call.model_call_id));
        metadata.insert("tool_name".into(), json!(record.call.tool_name));
        NewEvent {
            event_id,
            turn_id: record.turn_id,
            persona_id: None,
            role: Role::Tool,
            kind,
            message,
            metadata,
            occurred_at: self.world.clock.now(),
            nonce: self.world.ids.nonce(),
        }
    }

    async fn write(&self, held: &Held<'_>, commit: &Commit) -> PortResult<Ours> {
        if commit.release {
            held.releasing.trigger();
        }
        let outcome = persist(&*self.store, &self.world, commit, UNTIL_DROPPED).await?;
        self.world.wake.notify(Notification::Outbox);
        Ok(match outcome {
            CommitOutcome::Committed(events) | CommitOutcome::AlreadyDone(events) => {
                held.wrote(commit, &events);
                Ours::Yes
            }
            CommitOutcome::TurnDone => Ours::TurnDone,
            CommitOutcome::Answered(_)
            | CommitOutcome::KeyReused
            | CommitOutcome::Conflict
            | CommitOutcome::Fenced
            | CommitOutcome::OverBudget
            | CommitOutcome::NoSession => Ours::No,
        })
    }
}

#[async_trait]
impl Handle for RunTools {
    async fn handle(&self, claim: &Claim, told: &Told) -> PortResult<Handled> {
        let due: Vec<CallRecord> =
            claim.calls.iter().filter(|call| call.state >= CallState::Ready).cloned().collect();
        let held = Held::new(claim, due.len(), &told.releasing);
        {
            let runs = std::pin::pin!(self.run_calls(&held, due, &told.cancelled));
            // A call that is half run is nothing to commit: it is run again, or its outcome is
            // unknown.
            match select(runs, std::pin::pin!(told.stopping.wait())).await {
                Either::Left((ran, _)) => ran?,
                Either::Right(_) => {}
            }
        }
        Ok(held.handled())
    }
}

crate::opaque_debug!(RunTools);

/// What becomes of a call that is not to be run, whatever policy says: there is no such tool, a person
/// would have to agree, who cannot be asked yet, or it was started before and must not be started again.
fn refusal(record: &CallRecord, tools: &[ToolSpec]) -> Option<ToolOutcome> {
    let spec = tools.iter().find(|spec| spec.name == record.call.tool_name);
    if spec.is_none() && record.state != CallState::Claimed {
        return Some(no_such_tool(record, tools));
    }
    if spec.is_some_and(|spec| !spec.may_run()) {
        let id = record.call.call_id;
        return Some(ToolOutcome::failed(id, ToolStatus::Blocked, NEEDS_APPROVAL));
    }
    let may_repeat = record.tries < MAX_RUNS && spec.is_some_and(|spec| spec.idempotent);
    (record.state == CallState::Claimed && !may_repeat).then(|| outcome_unknown(record))
}

/// The outcome of a call of a tool that there is not: a model is told which there are.
fn no_such_tool(record: &CallRecord, tools: &[ToolSpec]) -> ToolOutcome {
    let names: Vec<&str> =
        tools.iter().filter(|spec| spec.may_run()).map(|spec| spec.name.as_str()).collect();
    let there_are = match &*names {
        [] => "there are none".to_owned(),
        names => format!("there are: {}", names.join(", ")),
    };
    let message = format!("there is no tool named {:?}; {there_are}", record.call.tool_name);
    ToolOutcome::failed(record.call.call_id, ToolStatus::Error, message)
}

/// What the policy engine is asked about a call.
fn policy_request(record: &CallRecord) -> PolicyRequest {
    let arguments: Value = serde_json::from_str(&record.call.arguments).unwrap_or_default();
    PolicyRequest {
        tenant: record.tenant.clone(),
        persona_id: None,
        action: Action::ToolExecute,
        resource: record.call.tool_name.clone(),
        context: json!({"args": arguments}),
    }
}

/// The outcome of a call whose executor died while it ran.
fn outcome_unknown(record: &CallRecord) -> ToolOutcome {
    let message = "the executor was lost while the tool ran; it may or may not have taken effect";
    ToolOutcome::failed(record.call.call_id, ToolStatus::OutcomeUnknown, message)
}
