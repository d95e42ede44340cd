//! Runs a tool for a client, outside any turn: its result is an event of the session.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::decide::try_decide;
use super::overload::Gate;
use super::persist::persist;
use super::refusal::Refusal;
use super::texts::has_nul;
use super::world::World;
use crate::conversation::event::{EventType, NewEvent, Role};
use crate::identity::Principal;
use crate::ids::{CallId, SessionId};
use crate::outbox::wire;
use crate::policy::{Action, Decision, PolicyRequest};
use crate::ports::{Notification, Policy, PortResult, Store, Toolbox};
use crate::tool::{CallChange, NEEDS_APPROVAL, ToolCall, ToolSpec};
use crate::trace::TraceContext;
use crate::work::commit::{Commit, CommitOutcome, Fence};

/// The most arguments of one call, in bytes of JSON.
pub const MAX_ARGUMENT_BYTES: usize = 64 * 1024;
const TRIES: u32 = 4;
/// The policy engine is asked once: a client is waiting.
const ONCE: u32 = 1;

/// A tool, as a client asks for it.
#[derive(Clone, Debug, PartialEq)]
pub struct NewToolRequest {
    /// The conversation that gets the result.
    pub session_id: SessionId,
    /// The tool's name.
    pub tool_name: String,
    /// Its arguments.
    pub args: Map<String, Value>,
    /// The trace that its request belongs to.
    pub trace: Option<TraceContext>,
}

/// Accepts requests of tools.
#[derive(Clone)]
pub struct RequestTool {
    store: Arc<dyn Store>,
    policy: Arc<dyn Policy>,
    tools: Arc<dyn Toolbox>,
    gate: Option<Arc<Gate>>,
    world: World,
}

impl RequestTool {
    /// Builds the use case.
    pub fn new(
        store: Arc<dyn Store>,
        policy: Arc<dyn Policy>,
        tools: Arc<dyn Toolbox>,
        world: World,
    ) -> Self {
        Self { store, policy, tools, gate: None, world }
    }

    /// The same, with a gate that refuses what would wait too long.
    #[must_use]
    pub fn behind(self, gate: Option<Arc<Gate>>) -> Self {
        Self { gate, ..self }
    }

    /// The tools that the caller's tenant has, in the order of their names.
    ///
    /// # Errors
    ///
    /// That they cannot be told now.
    pub async fn tools(&self, caller: &Principal) -> PortResult<Vec<ToolSpec>> {
        self.tools.specs(&caller.tenant).await
    }

    /// Accepts a request: the call will run at most once, and its result is an event.
    ///
    /// # Errors
    ///
    /// [`Refusal`]; then nothing was written.
    pub async fn run(
        &self,
        caller: &Principal,
        request: NewToolRequest,
    ) -> Result<CallId, Refusal> {
        let tools = self.tools(caller).await?;
        let tool = tools.iter().find(|tool| tool.name == request.tool_name);
        if !tool.ok_or(Refusal::NoTool)?.may_run() {
            return Err(Refusal::Denied(NEEDS_APPROVAL.into()));
        }
        let args = Value::Object(request.args);
        let arguments = args.to_string();
        if arguments.len() > MAX_ARGUMENT_BYTES {
            return Err(Refusal::TooLarge { field: "args", limit: MAX_ARGUMENT_BYTES });
        }
        if has_nul(&args) {
            return Err(Refusal::invalid("args", "must not contain a NUL character"));
        }
        if let Some(gate) = &self.gate {
            gate.admit(&caller.tenant).await?;
        }
        let session = self.store.session(&caller.tenant, request.session_id).await?;
        session.ok_or(Refusal::NoSession)?;
        let call_id = CallId::from_uuid(self.world.ids.uuid());
        let call = ToolCall {
            call_id,
            model_call_id: call_id.to_string(),
            tool_name: request.tool_name,
            arguments,
        };
        let decision = self.decide(caller, request.session_id, &call).await?;
        let mut commit = self.commit(caller, request.session_id, call, decision);
        commit.trace = request.trace;
        match persist(&*self.store, &self.world, &commit, TRIES).await? {
            CommitOutcome::Committed(_) | CommitOutcome::AlreadyDone(_) => {
                self.world.wake.notify(Notification::Outbox);
                if let Some(gate) = &self.gate {
                    gate.accepted(&caller.tenant);
                }
                Ok(call_id)
            }
            CommitOutcome::Answered(_)
            | CommitOutcome::KeyReused
            | CommitOutcome::Conflict
            | CommitOutcome::TurnDone
            | CommitOutcome::Fenced
            | CommitOutcome::OverBudget
            | CommitOutcome::NoSession => Err(Refusal::NoSession),
        }
    }

    /// Every decision is recorded, a denial too.
    async fn record_denial(
        &self,
        caller: &Principal,
        session: SessionId,
        decision: Decision,
    ) -> PortResult<()> {
        let now = self.world.clock.now();
        let mut commit = Commit::new(caller.tenant.clone(), session, Fence::Open, now);
        commit.decisions = vec![decision];
        persist(&*self.store, &self.world, &commit, TRIES).await?;
        Ok(())
    }

    /// The decision that allows the call. Who waits for an engine that cannot be reached is told so, and
    /// may try again.
    async fn decide(
        &self,
        caller: &Principal,
        session: SessionId,
        call: &ToolCall,
    ) -> Result<Decision, Refusal> {
        let arguments: Value = serde_json::from_str(&call.arguments).unwrap_or_default();
        let request = PolicyRequest {
            tenant: caller.tenant.clone(),
            persona_id: None,
            action: Action::ToolExecute,
            resource: call.tool_name.clone(),
            context: json!({"args": arguments}),
        };
        let requests = std::slice::from_ref(&request);
        let decided = try_decide(&*self.policy, &self.world, requests, ONCE).await;
        let (decision, refusal) = match decided {
            Ok(decisions) => {
                let decision = decisions.into_iter().next();
                let decision = decision.unwrap_or_else(|| Decision::unreachable(&request));
                if decision.allow {
                    return Ok(decision);
                }
                let reason = decision.reason();
                (decision, Refusal::Denied(reason))
            }
            Err(error) => (Decision::unreachable(&request), Refusal::Port(error)),
        };
        self.record_denial(caller, session, decision).await?;
        Err(refusal)
    }

    fn commit(
        &self,
        caller: &Principal,
        session: SessionId,
        call: ToolCall,
        decision: Decision,
    ) -> Commit {
        let now = self.world.clock.now();
        let mut commit = Commit::new(caller.tenant.clone(), session, Fence::Open, now);
        commit.events = vec![NewEvent {
            event_id: wire::request_event(call.call_id),
            turn_id: None,
            persona_id: None,
            role: Role::User,
            kind: EventType::ToolRequested,
            message: String::new(),
            metadata: Map::from_iter([
                ("call_id".into(), json!(call.call_id)),
                ("tool_name".into(), json!(call.tool_name)),
                ("arguments".into(), json!(call.arguments)),
            ]),
            occurred_at: now,
            nonce: self.world.ids.nonce(),
        }];
        commit.decisions = vec![decision];
        commit.outbox = vec![wire::tool_request(&caller.tenant, session, None, &call)];
        commit.calls = vec![CallChange::Request { turn_id: None, call }];
        commit
    }
}

crate::opaque_debug!(RequestTool);
