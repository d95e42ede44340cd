//! Runs the tool calls of a session: claimed before they run, at most once unless they may be
//! repeated, their results events of the session.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use futures_util::future::{Either, join_all, select};
use serde_json::{Map, Value, json};

use super::claims::{Handle, Handled, Signals};
use super::persist::{UNTIL_DROPPED, persist, retry};
use super::world::World;
use crate::conversation::event::{Event, EventType, NewEvent, Role};
use crate::ids::{EventId, derive};
use crate::observe::{self, SetAside};
use crate::outbox::dead::DeadLetter;
use crate::outbox::topic::Topic;
use crate::outbox::wire;
use crate::policy::{Action, Decision, PolicyRequest};
use crate::ports::tool::ToolContext;
use crate::ports::work::Claim;
use crate::ports::{Notification, Policy, PortResult, Store, Toolbox};
use crate::tool::{
    CallChange, CallRecord, CallState, NEEDS_APPROVAL, ToolOutcome, ToolSpec, ToolStatus,
};
use crate::unreadable::Unreadable;
use crate::work::commit::{Commit, CommitOutcome, Fence, WorkKind};

const TRIES: u32 = 6;
/// How often a tool that may be repeated is run.
const MAX_RUNS: u32 = 3;

/// Runs tools.
#[derive(Clone)]
pub struct RunTools {
    store: Arc<dyn Store>,
    policy: Arc<dyn Policy>,
    tools: Arc<dyn Toolbox>,
    world: World,
}

/// The claim, and how far its calls are.
struct Held<'a> {
    claim: &'a Claim,
    progress: Mutex<Progress>,
}

struct Progress {
    /// How many calls are not ended yet.
    open: usize,
    released: bool,
    /// How many events the session would have if nobody else wrote in it.
    expected: u64,
    /// How many it was seen to have.
    seen: u64,
}

impl<'a> Held<'a> {
    fn new(claim: &'a Claim, open: usize) -> Self {
        let seen = claim.session.chain.count.0;
        Self {
            claim,
            progress: Mutex::new(Progress { open, released: false, expected: seen, seen }),
        }
    }

    /// Whether all calls but one have ended for good: the end of that one may release the claim.
    fn is_last(&self) -> bool {
        self.progress().open == 1
    }

    fn wrote(&self, commit: &Commit, events: &[Event]) {
        let mut progress = self.progress();
        progress.expected += events.len() as u64;
        progress.seen = events.iter().map(|event| event.seq.0).fold(progress.seen, u64::max);
        progress.released |= commit.release;
        if commit.calls.iter().any(|change| matches!(change, CallChange::Finish { .. })) {
            progress.open = progress.open.saturating_sub(1);
        }
    }

    /// Whoever else wrote in the session may have asked for another tool.
    fn handled(&self) -> Handled {
        let progress = self.progress();
        let on_their_way = self.claim.calls.iter().any(|call| call.state < CallState::Ready);
        let more = on_their_way || progress.seen > progress.expected;
        Handled { released: progress.released, more }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a call is still ours to go on with.
enum Ours {
    Yes,
    TurnDone,
    No,
}

impl RunTools {
    /// Puts the use case together.
    pub fn new(
        store: Arc<dyn Store>,
        policy: Arc<dyn Policy>,
        tools: Arc<dyn Toolbox>,
        world: World,
    ) -> Self {
        Self { store, policy, tools, world }
    }

    async fn run_call(&self, held: &Held<'_>, record: CallRecord) -> PortResult<()> {
        if let Some(unreadable) = &record.unreadable {
            return self.refuse_unread(held, &record, unreadable).await;
        }
        if self.needs_approval(&record) {
            let id = record.call.call_id;
            let outcome = ToolOutcome::failed(id, ToolStatus::Blocked, NEEDS_APPROVAL);
            return self.finish(held, &record, outcome, Vec::new()).await;
        }
        if record.state == CallState::Claimed && !self.may_repeat(&record) {
            return self.finish(held, &record, lost(&record), Vec::new()).await;
        }
        let decision = self.decide(&record).await;
        if !decision.allow {
            let reason = decision.reason();
            let outcome = ToolOutcome::failed(record.call.call_id, ToolStatus::Blocked, reason);
            return self.finish(held, &record, outcome, vec![decision]).await;
        }
        match self.start(held, &record, decision).await? {
            Ours::No => Ok(()),
            Ours::TurnDone => self.cancel(held, &record).await,
            Ours::Yes => {
                let context =
                    ToolContext { tenant: record.tenant.clone(), session_id: record.session_id };
                let outcome = self.tools.run(&context, &record.call).await;
                self.finish(held, &record, outcome, Vec::new()).await
            }
        }
    }

    /// Whether a call that was started before may be started again.
    fn may_repeat(&self, record: &CallRecord) -> bool {
        record.tries < MAX_RUNS && self.spec(record).is_some_and(|spec| spec.idempotent)
    }

    /// Whether a person would have to agree, who cannot be asked yet.
    fn needs_approval(&self, record: &CallRecord) -> bool {
        self.spec(record).is_some_and(|spec| !spec.may_run())
    }

    fn spec(&self, record: &CallRecord) -> Option<ToolSpec> {
        self.tools.specs().into_iter().find(|spec| spec.name == record.call.tool_name)
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
        };
        let message = "what the tool was asked for cannot be read any more: it was not run";
        let outcome = ToolOutcome::failed(call_id, ToolStatus::Error, message);
        let mut commit = self.result(held, record, outcome);
        commit.dead = vec![letter.clone()];
        self.write_result(held, record, &commit).await?;
        observe::dead_letter(&letter, SetAside::Unreadable);
        Ok(())
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

    async fn decide(&self, record: &CallRecord) -> Decision {
        let arguments: Value = serde_json::from_str(&record.call.arguments).unwrap_or_default();
        let request = PolicyRequest {
            tenant: record.tenant.clone(),
            persona_id: None,
            action: Action::ToolExecute,
            resource: record.call.tool_name.clone(),
            context: json!({"args": arguments}),
        };
        match retry(&self.world, TRIES, || self.policy.decide(&request)).await {
            Ok(decision) => decision,
            Err(error) => {
                tracing::warn!(%error, "no policy decision: denied");
                Decision::unreachable(&request)
            }
        }
    }

    fn commit(&self, held: &Held<'_>, record: &CallRecord) -> Commit {
        let claim = held.claim;
        let fence = Fence::Work { kind: WorkKind::Calls, epoch: claim.epoch };
        let now = self.world.clock.now();
        let mut commit = Commit::new(claim.tenant.clone(), claim.session_id, fence, now);
        commit.live_turn = record.turn_id;
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
    async fn handle(&self, claim: &Claim, signals: &Signals) -> PortResult<Handled> {
        let due: Vec<CallRecord> =
            claim.calls.iter().filter(|call| call.state >= CallState::Ready).cloned().collect();
        let held = Held::new(claim, due.len());
        let runs = join_all(due.into_iter().map(|record| self.run_call(&held, record)));
        // A tool cannot be told to stop, and a call that is half run is nothing to commit.
        match select(runs, std::pin::pin!(signals.stopping.wait())).await {
            Either::Left((runs, _)) => runs.into_iter().collect::<PortResult<()>>()?,
            Either::Right(_) => {}
        }
        Ok(held.handled())
    }
}

crate::opaque_debug!(RunTools);

/// The outcome of a call whose executor died while it ran.
fn lost(record: &CallRecord) -> ToolOutcome {
    let message = "the executor was lost while the tool ran; it may or may not have taken effect";
    ToolOutcome::failed(record.call.call_id, ToolStatus::OutcomeUnknown, message)
}
