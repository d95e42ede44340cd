//! A conversation of the suites: names its turns, events and calls, and makes its commits.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::ledger::NOW;
use crate::budget::window::BudgetWindow;
use crate::budget::{Account, Reservation, ReservationKey, Tokens, UsageChange};
use crate::conversation::event::{EventType, NewEvent, Role};
use crate::conversation::model::{ModelFailure, Usage};
use crate::digest::{Digest32, Nonce};
use crate::ids::{CallId, EventId, SessionId, TenantId, TurnId, derive};
use crate::memory::MemoryWrite;
use crate::outbox::dead::{DeadLetter, Origin};
use crate::outbox::message::{OutboxMessage, encode};
use crate::outbox::topic::Topic;
use crate::outbox::wire::Subject;
use crate::ports::work::Claim;
use crate::tool::{CallChange, ToolCall, ToolOutcome, ToolStatus};
use crate::trace::TraceContext;
use crate::turn::input::{Accepted, Input, RecordedInput};
use crate::work::commit::{
    AcceptTurn, ClientRequest, Commit, Fence, OpenSession, Receipt, TurnProgress,
};
use crate::work::ingest::Arrival;
use crate::work::session::TurnState;

/// A trace that a commit may belong to.
pub fn trace() -> Option<TraceContext> {
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let trace = TraceContext::read(parent, Some("rojo=00f067aa0ba902b7"));
    assert!(trace.is_some());
    trace
}

/// A conversation of one tenant. What it names is the same however often it is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Talk {
    /// Whose.
    pub tenant: TenantId,
    /// The session.
    pub session_id: SessionId,
}

/// A conversation of the tenant `acme`.
pub fn talk(number: u128) -> Talk {
    talk_of("acme", number)
}

/// A conversation of a tenant.
pub fn talk_of(tenant: &str, number: u128) -> Talk {
    let session_id = SessionId::from_uuid(Uuid::from_u128(number));
    Talk { tenant: TenantId::new(tenant).unwrap(), session_id }
}

/// The text of a message of [`Talk::message`].
pub fn text(message: &OutboxMessage) -> String {
    let payload: Value = serde_json::from_slice(&message.payload).unwrap();
    payload["text"].as_str().unwrap().to_owned()
}

impl Talk {
    /// A turn.
    pub fn turn(&self, number: u32) -> TurnId {
        TurnId::from_uuid(self.named(&format!("turn/{number}")))
    }

    /// The event that says `text`.
    pub fn event(&self, text: &str) -> EventId {
        EventId::from_uuid(self.named(&format!("event/{text}")))
    }

    /// A tool call of the first turn.
    pub fn call(&self, number: usize) -> CallId {
        CallId::derived(self.turn(1), 1, number)
    }

    fn named(&self, what: &str) -> Uuid {
        derive(*self.session_id.as_uuid(), what)
    }

    /// A commit of anyone that does nothing but open the session, if there is none.
    pub fn commit(&self) -> Commit {
        let open = Some(OpenSession { persona_id: None });
        Commit { open, ..Commit::new(self.tenant.clone(), self.session_id, Fence::Open, NOW) }
    }

    /// A commit of one event.
    pub fn says(&self, text: &str) -> Commit {
        Commit { events: vec![self.said(text)], ..self.commit() }
    }

    /// A commit that accepts a message: a turn, its first event, and its record for the worker.
    pub fn accepts(&self, turn: u32) -> Commit {
        let text = format!("message {turn}");
        let event = NewEvent { turn_id: Some(self.turn(turn)), ..self.said(&text) };
        let inbound = OutboxMessage {
            numbered_by: Some(event.event_id),
            ..self.message(Topic::ConversationInbound, &text)
        };
        Commit {
            accept: Some(AcceptTurn { turn_id: self.turn(turn), input: self.accepted(&text) }),
            events: vec![event],
            outbox: vec![inbound],
            ..self.commit()
        }
    }

    /// A commit of a worker's progress: so many inputs were there before, and one more comes.
    pub fn progresses(&self, turn: u32, from_step: u32, state: TurnState) -> Commit {
        let inputs = vec![RecordedInput { input: Input::Interrupted, at: NOW }];
        let turn = TurnProgress { turn_id: self.turn(turn), from_step, inputs, state };
        Commit { turn: Some(turn), ..self.commit() }
    }

    /// A commit of progress that shows that the turn does not kill its workers.
    pub fn survives(&self, turn: u32, from_step: u32) -> Commit {
        let input = Input::ModelFailed {
            failure: ModelFailure::Broken,
            text: String::new(),
            usage: Usage::default(),
        };
        let mut commit = self.progresses(turn, from_step, TurnState::Ready);
        if let Some(progress) = &mut commit.turn {
            progress.inputs = vec![RecordedInput { input, at: NOW }];
        }
        commit
    }

    /// The same commit, by the holder of a claim.
    pub fn under(claim: &Claim, commit: Commit) -> Commit {
        Commit { fence: Fence::Work { kind: claim.kind, epoch: claim.epoch }, ..commit }
    }

    /// A commit that ends an accepted turn.
    pub fn ends(&self, turn: u32) -> Commit {
        let event = NewEvent {
            turn_id: Some(self.turn(turn)),
            kind: EventType::AssistantFinal,
            role: Role::Assistant,
            ..self.said(&format!("answer {turn}"))
        };
        Commit {
            live_turn: Some(self.turn(turn)),
            events: vec![event],
            ..self.progresses(turn, 1, TurnState::Done)
        }
    }

    /// A commit by which the first turn asks for tools and waits.
    pub fn asks(&self, calls: usize) -> Commit {
        let request = |number| CallChange::Request {
            turn_id: Some(self.turn(1)),
            call: self.tool_call(number),
        };
        let calls = (0..calls).map(request).collect();
        Commit { calls, ..self.progresses(1, 1, TurnState::Waiting) }
    }

    /// A commit by which an executor takes a call on.
    pub fn takes_on(&self, call: usize) -> Commit {
        Commit { calls: vec![CallChange::Claim { call_id: self.call(call) }], ..self.commit() }
    }

    /// A commit by which an executor ends a call.
    pub fn finishes(&self, call: usize) -> Commit {
        let outcome = self.outcome(call, "done");
        Commit { calls: vec![CallChange::Finish { outcome }], ..self.commit() }
    }

    /// Something the person says.
    pub fn said(&self, text: &str) -> NewEvent {
        NewEvent {
            event_id: self.event(text),
            turn_id: None,
            persona_id: None,
            role: Role::User,
            kind: EventType::UserMessage,
            message: text.into(),
            metadata: Map::new(),
            occurred_at: NOW,
            nonce: Nonce([7; 16]),
        }
    }

    /// A message in the session's order.
    pub fn message(&self, topic: Topic, text: &str) -> OutboxMessage {
        OutboxMessage {
            topic,
            key: self.session_id.to_string(),
            kind: "suite".into(),
            tenant: self.tenant.clone(),
            event_id: self.named(&format!("message/{text}")),
            trace: None,
            payload: encode(&json!({"text": text})),
            numbered_by: None,
        }
    }

    /// Something of this session that could not be handled.
    pub fn letter(&self, text: &str) -> DeadLetter {
        DeadLetter {
            topic: Topic::ConversationInbound,
            partition: Some(0),
            offset: Some(7),
            key: self.session_id.to_string(),
            tenant: Some(self.tenant.clone()),
            payload: text.into(),
            error: "unreadable".into(),
            at: NOW,
            origin: Origin::Untold,
        }
    }

    /// A record of this session that arrives.
    pub fn arrival(&self, subject: Subject) -> Arrival {
        let otherwise = self.letter(&format!("{subject:?}"));
        Arrival { tenant: self.tenant.clone(), session_id: self.session_id, subject, otherwise }
    }

    /// Something to be remembered of the event that says `text`.
    pub fn memory(&self, text: &str) -> MemoryWrite {
        let event_id = self.event(text);
        MemoryWrite {
            key: MemoryWrite::key(&self.tenant, self.session_id, Role::User, event_id),
            event_id,
            tenant: self.tenant.clone(),
            session_id: self.session_id,
            persona_id: None,
            role: Role::User,
            text: text.into(),
            importance: 0.5,
            at: NOW,
            metadata: Map::new(),
        }
    }

    /// A client's request whose answer is a turn.
    pub fn request(&self, key: &str, asked: &str, turn: u32) -> ClientRequest {
        let answer = Receipt {
            session_id: self.session_id,
            event_id: self.event(&format!("message {turn}")),
            turn_id: self.turn(turn),
        };
        ClientRequest { key: key.into(), digest: Digest32::of(asked.as_bytes()), answer }
    }

    /// A call of a tool.
    pub fn tool_call(&self, number: usize) -> ToolCall {
        ToolCall {
            call_id: self.call(number),
            model_call_id: format!("call_{number}"),
            tool_name: "echo".into(),
            arguments: json!({"text": "hi"}).to_string(),
        }
    }

    /// What came of a call.
    pub fn outcome(&self, call: usize, answer: &str) -> ToolOutcome {
        let payload = json!({"answer": answer});
        ToolOutcome {
            call_id: self.call(call),
            status: ToolStatus::Success,
            payload,
            execution_time: 0.25,
        }
    }

    /// The tenant's tokens.
    pub fn account(&self) -> Account {
        Account { tenant: self.tenant.clone(), persona_id: None }
    }

    /// The reservation of a model call of the first turn.
    pub fn reservation(&self, call: u32) -> ReservationKey {
        ReservationKey { turn_id: self.turn(1), call }
    }

    /// That reservation, in the tenant's account and the window of [`NOW`].
    pub fn reserved(&self, call: u32) -> Reservation {
        let (key, account) = (self.reservation(call), self.account());
        Reservation { key, account, window: BudgetWindow::at(NOW) }
    }

    /// A settlement of that reservation.
    pub fn settles(&self, call: u32, used: Tokens) -> UsageChange {
        UsageChange::Settle { reservation: self.reserved(call), used }
    }

    /// A row of the usage ledger.
    pub fn reserves(&self, call: u32, amount: Tokens) -> UsageChange {
        self.reserves_under(call, amount, None)
    }

    /// A row of the usage ledger that needs room under a limit, if there is one.
    pub fn reserves_under(
        &self,
        call: u32,
        amount: Tokens,
        limit: impl Into<Option<Tokens>>,
    ) -> UsageChange {
        UsageChange::Reserve {
            key: self.reservation(call),
            account: self.account(),
            window: BudgetWindow::at(NOW),
            amount,
            limit: limit.into(),
        }
    }

    fn accepted(&self, text: &str) -> RecordedInput {
        let accepted = Accepted {
            tenant: self.tenant.clone(),
            session_id: self.session_id,
            event_id: self.event(text),
            persona_id: None,
            message: text.into(),
            attachments: Vec::new(),
            metadata: Map::new(),
            trace: None,
        };
        RecordedInput { input: Input::Accepted(accepted), at: NOW }
    }
}
