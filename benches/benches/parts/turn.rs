//! A whole turn: a message, a tool call, an answer. As a worker steps through it, and as it is folded
//! again from its record.

use criterion::{BatchSize, Criterion, Throughput};
use serde_json::{Map, json};
use soma_core::budget::Grant;
use soma_core::budget::window::BudgetWindow;
use soma_core::contract::ledger::NOW;
use soma_core::contract::talk::Talk;
use soma_core::conversation::event::Seq;
use soma_core::conversation::model::{FinishReason, ModelToolCall, Usage};
use soma_core::ids::{CallId, TurnId};
use soma_core::policy::{Action, Decision, PolicyRequest};
use soma_core::tool::{ToolOutcome, ToolStatus};
use soma_core::turn::config::TurnConfig;
use soma_core::turn::input::{Accepted, Context, Input, ModelAnswer, Recalled, RecordedInput};
use soma_core::turn::machine::{Phase, Turn};

use crate::sample;

pub(crate) fn bench(criterion: &mut Criterion) {
    let talk = sample::conversation();
    let id = talk.turn(1);
    let record = record(&talk);
    assert_eq!(Turn::fold(id, &record).unwrap().0.phase(), Phase::Done);
    let mut group = criterion.benchmark_group("turn");
    group.throughput(Throughput::Elements(record.len() as u64));
    group.bench_function("step", |bencher| {
        let steps = |record: Vec<RecordedInput>| {
            record.into_iter().fold(Turn::new(id), |turn, RecordedInput { input, at }| {
                turn.step(input, at).unwrap().turn
            })
        };
        bencher.iter_batched(|| record.clone(), steps, BatchSize::SmallInput);
    });
    group.bench_function("fold", |bencher| bencher.iter(|| Turn::fold(id, &record).unwrap()));
    group.finish();
    state_hash(criterion, id, &record);
}

/// What two builds compare after a replay.
fn state_hash(criterion: &mut Criterion, id: TurnId, record: &[RecordedInput]) {
    let (turn, _) = Turn::fold(id, record).unwrap();
    criterion.bench_function("turn/state hash", |bencher| bencher.iter(|| turn.state_hash()));
}

/// Everything that happens to the turn.
fn record(talk: &Talk) -> Vec<RecordedInput> {
    let granted =
        || Input::BudgetAnswered { window: BudgetWindow::at(NOW), grant: Grant::Granted(1_024) };
    let actions = [Action::ConversationSend, Action::MemoryRecall, Action::MemoryWrite];
    let inputs = [
        Input::Accepted(accepted(talk)),
        Input::Started { config: Box::new(TurnConfig::of("acme/small")), tools: None },
        Input::Authorized { decisions: actions.map(|action| allowed(talk, action)).into() },
        Input::ContextLoaded(context(talk)),
        granted(),
        Input::ModelAnswered(asks_for_a_tool()),
        Input::ToolFinished { outcome: outcome(talk), tokens: 30 },
        granted(),
        Input::ModelAnswered(answers()),
    ];
    inputs.map(|input| RecordedInput { input, at: NOW }).into()
}

fn accepted(talk: &Talk) -> Accepted {
    Accepted {
        tenant: talk.tenant.clone(),
        session_id: talk.session_id,
        event_id: talk.event(sample::QUESTION),
        persona_id: None,
        message: sample::QUESTION.into(),
        attachments: Vec::new(),
        metadata: Map::new(),
        trace: None,
    }
}

fn allowed(talk: &Talk, action: Action) -> Decision {
    let request = PolicyRequest {
        tenant: talk.tenant.clone(),
        persona_id: None,
        action,
        resource: "message".into(),
        context: json!({}),
    };
    Decision::new(&request, true, Vec::new())
}

fn context(talk: &Talk) -> Context {
    let recalled = |number: u32| Recalled {
        event_id: talk.event(&number.to_string()),
        text: sample::QUESTION.into(),
        score: 0.5,
    };
    Context {
        window: (1..=20).map(Seq).collect(),
        recalled: (0..5).map(recalled).collect(),
        recall_error: None,
        prompt_tokens: 900,
    }
}

fn asks_for_a_tool() -> ModelAnswer {
    let call = ModelToolCall {
        id: "call-1".into(),
        name: "echo".into(),
        arguments: json!({"text": "offers"}).to_string(),
    };
    ModelAnswer {
        text: "Let me look.".into(),
        tool_calls: vec![call],
        finish: FinishReason::ToolCalls,
        ..answers()
    }
}

fn outcome(talk: &Talk) -> ToolOutcome {
    ToolOutcome {
        call_id: CallId::derived(talk.turn(1), 0, 0),
        status: ToolStatus::Success,
        payload: json!({"offers": [11, 12, 14]}),
        execution_time: 0.1,
    }
}

fn answers() -> ModelAnswer {
    ModelAnswer {
        text: sample::ANSWER.into(),
        tool_calls: Vec::new(),
        finish: FinishReason::Stop,
        usage: Usage { prompt_tokens: 900, completion_tokens: 96, estimated: false },
        model: "acme/small".into(),
        tokens: 96,
    }
}
