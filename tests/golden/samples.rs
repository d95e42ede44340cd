//! One value of everything that is stored or sent, with every field set.

use serde_json::{Map, Value, json};
use soma_core::budget::window::BudgetWindow;
use soma_core::budget::{Account, Grant, Reservation, ReservationKey, UsageChange};
use soma_core::conversation::chain::Chain;
use soma_core::conversation::event::{Event, EventType, NewEvent, Role, Seq};
use soma_core::conversation::model::{FinishReason, ModelFailure, ModelToolCall, Usage};
use soma_core::conversation::profile::ModelProfile;
use soma_core::digest::Digest32;
use soma_core::ids::{CallId, EventId, PersonaId, SessionId, TenantId, TurnId};
use soma_core::memory::{MemoryWrite, WalEvent};
use soma_core::outbox::dead::{DeadLetter, Headers, Origin};
use soma_core::outbox::message::{OutboxMessage, Record};
use soma_core::outbox::topic::Topic;
use soma_core::outbox::wire;
use soma_core::policy::{Action, Decision};
use soma_core::stream::delta::Delta;
use soma_core::time::Timestamp;
use soma_core::tool::{CallChange, CallRecord, CallState, ToolCall, ToolOutcome, ToolStatus};
use soma_core::turn::config::TurnConfig;
use soma_core::turn::input::{Accepted, Context, Input, ModelAnswer, Recalled, RecordedInput};
use soma_core::work::commit::{
    AcceptTurn, Cancel, ClientRequest, Commit, Fence, OpenSession, Receipt, TurnProgress, WorkKind,
};
use soma_core::work::session::TurnState;
use uuid::Uuid;

pub(crate) const AT: Timestamp = Timestamp::from_micros(1_762_171_200_000_000);

fn named<T>(samples: impl IntoIterator<Item = (&'static str, T)>) -> Vec<(String, T)> {
    samples.into_iter().map(|(name, sample)| (name.to_owned(), sample)).collect()
}

fn uuid(number: u128) -> Uuid {
    Uuid::from_u128(0x0197_0000_0000_7000_8000_0000_0000_0000 + number)
}

fn tenant() -> TenantId {
    TenantId::new("acme").unwrap()
}

fn persona() -> PersonaId {
    PersonaId::new("ada").unwrap()
}

fn session() -> SessionId {
    SessionId::from_uuid(uuid(1))
}

pub(crate) fn turn() -> TurnId {
    TurnId::from_uuid(uuid(2))
}

fn event_id() -> EventId {
    EventId::from_uuid(uuid(3))
}

fn call_id() -> CallId {
    CallId::from_uuid(uuid(4))
}

fn metadata() -> Map<String, Value> {
    Map::from_iter([("source".to_owned(), json!({"app": "web", "n": 1.5, "ok": true}))])
}

const USAGE: Usage = Usage { prompt_tokens: 120, completion_tokens: 30, estimated: true };

pub(crate) fn accepted() -> Accepted {
    Accepted {
        tenant: tenant(),
        session_id: session(),
        event_id: event_id(),
        persona_id: Some(persona()),
        message: "What is \"näher\" \u{1f600}?".into(),
        attachments: vec!["file-1".into()],
        metadata: metadata(),
        trace: None,
    }
}

fn profile(model: &str) -> ModelProfile {
    ModelProfile { temperature_milli: Some(700), ..ModelProfile::new(model, 1_024, 8_192) }
}

pub(crate) fn config() -> TurnConfig {
    TurnConfig {
        escalation: Some(profile("large")),
        fallback: Some(profile("spare")),
        budget_limit: Some(100_000),
        dialogue: profile("small"),
        ..TurnConfig::of("small")
    }
}

pub(crate) fn decision(action: Action) -> Decision {
    let input = Digest32([7; 32]);
    let (resource, reasons) = ("message".to_owned(), vec!["because".to_owned()]);
    Decision { action, resource, allow: true, reasons, input, bundle: None }
}

pub(crate) fn context() -> Context {
    let recalled = Recalled { event_id: event_id(), text: "We met in May.".into(), score: 0.625 };
    Context {
        window: vec![Seq(1), Seq(2)],
        recalled: vec![recalled],
        recall_error: Some("the memory took too long".into()),
        prompt_tokens: 120,
    }
}

pub(crate) fn answer(tool_calls: Vec<ModelToolCall>, finish: FinishReason) -> ModelAnswer {
    ModelAnswer {
        text: "Closer.".into(),
        tool_calls,
        finish,
        usage: USAGE,
        model: "small-1".into(),
        tokens: 34,
    }
}

pub(crate) fn asked() -> ModelToolCall {
    ModelToolCall { id: "call_0".into(), name: "echo".into(), arguments: r#"{"say":"ho"}"#.into() }
}

pub(crate) fn outcome(status: ToolStatus) -> ToolOutcome {
    let payload = json!({"say": "ho"});
    ToolOutcome { call_id: call_id(), status, payload, execution_time: 0.25 }
}

/// Every kind of input.
pub(crate) fn inputs() -> Vec<(String, RecordedInput)> {
    let text = || "Clo".to_owned();
    let window = BudgetWindow::at(AT);
    let by_a_bundle = decision(Action::MemoryRecall).by(Some(Digest32([8; 32])));
    let failed = |failure| Input::ModelFailed { failure, text: text(), usage: USAGE };
    let inputs = [
        ("accepted", Input::Accepted(accepted())),
        ("started", Input::Started { config: Box::new(config()), tools: None }),
        ("authorized", Input::Authorized { decisions: vec![decision(Action::MemoryRecall)] }),
        ("authorized_by_a_bundle", Input::Authorized { decisions: vec![by_a_bundle] }),
        ("context_loaded", Input::ContextLoaded(context())),
        ("granted", Input::BudgetAnswered { window, grant: Grant::Granted(1_144) }),
        ("refused", Input::BudgetAnswered { window, grant: Grant::Refused }),
        ("answered", Input::ModelAnswered(answer(Vec::new(), FinishReason::Stop))),
        ("asked_for_tools", Input::ModelAnswered(answer(vec![asked()], FinishReason::ToolCalls))),
        ("failed_unauthorized", failed(ModelFailure::Unauthorized)),
        ("failed_not_found", failed(ModelFailure::NotFound)),
        ("failed_limited", failed(ModelFailure::RateLimited { retry_after_seconds: Some(3) })),
        ("failed_too_long", failed(ModelFailure::TooLong)),
        ("failed_filter", failed(ModelFailure::ContentFilter)),
        ("failed_refused", failed(ModelFailure::Refused("400: no".into()))),
        ("failed_unavailable", failed(ModelFailure::Unavailable("503: busy".into()))),
        ("failed_broken", failed(ModelFailure::Broken)),
        ("failed_timeout", failed(ModelFailure::Timeout)),
        ("tool_finished", Input::ToolFinished { outcome: outcome(ToolStatus::Success), tokens: 9 }),
        ("interrupted", Input::Interrupted),
        ("released", Input::Released { text: text(), usage: USAGE }),
        ("cancelled", Input::Cancelled { text: text(), usage: USAGE }),
        ("gave_up", Input::GaveUp { tries: 3 }),
    ];
    named(inputs.map(|(name, input)| (name, RecordedInput { input, at: AT })))
}

/// An event of every type.
pub(crate) fn events() -> Vec<(String, Event)> {
    let types = [
        "user.message",
        "assistant.started",
        "assistant.thinking",
        "context.recalled",
        "assistant.restarted",
        "tool.requested",
        "approval.required",
        "approval.decided",
        "tool.start",
        "tool.result",
        "assistant.final",
        "turn.failed",
        "session.reset",
    ];
    let event = |(number, name): (u64, &'static str)| {
        let event = Event {
            event_id: event_id(),
            seq: Seq(number),
            session_id: session(),
            turn_id: Some(turn()),
            persona_id: Some(persona()),
            role: Role::Assistant,
            kind: EventType::parse(name).unwrap(),
            message: "Closer.".into(),
            metadata: metadata(),
            version: "sa01-v1".into(),
            occurred_at: AT,
            nonce: soma_core::digest::Nonce([9; 16]),
            hash: Digest32([8; 32]),
        };
        (name, event)
    };
    named((1..).zip(types).map(event))
}

fn new_event() -> NewEvent {
    NewEvent {
        event_id: event_id(),
        turn_id: Some(turn()),
        persona_id: Some(persona()),
        role: Role::User,
        kind: EventType::UserMessage,
        message: "What is \"näher\"?".into(),
        metadata: metadata(),
        occurred_at: AT,
        nonce: soma_core::digest::Nonce([9; 16]),
    }
}

fn call() -> ToolCall {
    ToolCall {
        call_id: call_id(),
        model_call_id: "call_0".into(),
        tool_name: "echo".into(),
        arguments: r#"{"say":"ho"}"#.into(),
    }
}

/// A commit of a gateway and one of a worker, which have every field between them.
pub(crate) fn commits() -> Vec<(String, Commit)> {
    let receipt = Receipt { session_id: session(), event_id: event_id(), turn_id: turn() };
    let key = ReservationKey { turn_id: turn(), call: 1 };
    let account = Account { tenant: tenant(), persona_id: Some(persona()) };
    let input = RecordedInput { input: Input::Accepted(accepted()), at: AT };
    let accepts = Commit {
        request: Some(ClientRequest {
            key: "k".into(),
            digest: Digest32([1; 32]),
            answer: receipt,
        }),
        open: Some(OpenSession { persona_id: Some(persona()) }),
        expected: Some(Seq(3)),
        only_if_idle: true,
        cancel: Some(Cancel::Running),
        accept: Some(AcceptTurn { turn_id: turn(), input: input.clone() }),
        events: vec![new_event()],
        ..Commit::new(tenant(), session(), Fence::Open, AT)
    };
    let window = BudgetWindow::at(AT);
    let reservation = Reservation { key, account: account.clone(), window };
    let reserve = UsageChange::Reserve {
        key,
        account,
        window: BudgetWindow::at(AT),
        amount: 1_144,
        limit: Some(100_000),
    };
    let usage = vec![
        reserve,
        UsageChange::Settle { reservation, used: 150 },
        UsageChange::SettleInFull { turn_id: turn() },
    ];
    let calls = vec![
        CallChange::Request { turn_id: Some(turn()), call: call() },
        CallChange::Claim { call_id: call_id() },
        CallChange::Finish { outcome: outcome(ToolStatus::Success) },
    ];
    let progress =
        TurnProgress { turn_id: turn(), from_step: 1, inputs: vec![input], state: TurnState::Done };
    let progresses = Commit {
        live_turn: Some(turn()),
        chain: Some(Chain { count: Seq(3), head: Digest32([2; 32]) }),
        release: true,
        turn: Some(progress),
        calls,
        usage,
        memory: vec![memory()],
        decisions: vec![decision(Action::ConversationSend)],
        dead: vec![letter()],
        ..Commit::new(tenant(), session(), Fence::Work { kind: WorkKind::Turns, epoch: 4 }, AT)
    };
    named([("accepts", accepts), ("progresses", progresses)])
}

fn record_of(message: &OutboxMessage) -> Value {
    let Record { key, value, headers, .. } = message.record(AT);
    let value: Value = serde_json::from_slice(&value).unwrap();
    json!({"key": key, "value": value, "headers": headers})
}

/// A record of each topic that is read by services.
pub(crate) fn records() -> Vec<(String, Value)> {
    let record = CallRecord {
        tenant: tenant(),
        session_id: session(),
        turn_id: Some(turn()),
        call: call(),
        state: CallState::Done,
        tries: 1,
        outcome: None,
        trace: None,
        unreadable: None,
    };
    let (_, event) = events().remove(0);
    named([
        ("inbound", record_of(&wire::inbound(turn(), &accepted()))),
        (
            "tool_request",
            record_of(&wire::tool_request(&tenant(), session(), Some(turn()), &call())),
        ),
        ("tool_result", record_of(&wire::tool_result(&record, &outcome(ToolStatus::Success)))),
        ("outbound", record_of(&OutboxMessage::event(&tenant(), &event, None))),
        ("dead_letter", record_of(&letter().message(&tenant()))),
    ])
}

/// A call of a tool.
pub(crate) fn calls() -> Vec<(String, ToolCall)> {
    named([("echo", call())])
}

/// An outcome of every status.
pub(crate) fn outcomes() -> Vec<(String, ToolOutcome)> {
    named([
        ("success", outcome(ToolStatus::Success)),
        ("error", outcome(ToolStatus::Error)),
        ("blocked", outcome(ToolStatus::Blocked)),
        ("timeout", outcome(ToolStatus::Timeout)),
        ("outcome_unknown", outcome(ToolStatus::OutcomeUnknown)),
        ("cancelled", outcome(ToolStatus::Cancelled)),
    ])
}

fn memory() -> MemoryWrite {
    MemoryWrite {
        key: MemoryWrite::key(&tenant(), session(), Role::User, event_id()),
        event_id: event_id(),
        tenant: tenant(),
        session_id: session(),
        persona_id: Some(persona()),
        role: Role::User,
        text: "We met in May.".into(),
        importance: 0.5,
        at: AT,
        metadata: metadata(),
    }
}

/// A memory that waits to be written.
pub(crate) fn memories() -> Vec<(String, MemoryWrite)> {
    named([("said", memory())])
}

/// A record of `memory.wal`.
pub(crate) fn wal() -> Vec<(String, WalEvent)> {
    named([("written", WalEvent::new(memory(), AT))])
}

/// A piece of an answer.
pub(crate) fn deltas() -> Vec<(String, Delta)> {
    let mut delta = Delta::new(session(), turn(), Seq(4), 2);
    delta.stream_index = 3;
    delta.offset = 5;
    delta.delta = "näher".into();
    named([("piece", delta)])
}

fn letter() -> DeadLetter {
    DeadLetter {
        topic: Topic::ToolResults,
        partition: Some(2),
        offset: Some(17),
        key: session().to_string(),
        tenant: Some(tenant()),
        payload: "not json".into(),
        error: "expected value at line 1 column 1".into(),
        at: AT,
        origin: Origin::Untold,
    }
}

/// What was set aside.
pub(crate) fn dead_letters() -> Vec<(String, DeadLetter)> {
    let headers =
        Headers { kind: Some("tool.result".into()), event_id: Some(uuid(9)), trace: None };
    let with = |origin| DeadLetter { origin, ..letter() };
    named([
        ("record", letter()),
        ("message", with(Origin::Message(Box::new(headers)))),
        ("cut", with(Origin::Cut)),
        ("altered", with(Origin::Altered)),
        ("memory_write", with(Origin::MemoryWrite)),
        ("state", with(Origin::State)),
    ])
}
