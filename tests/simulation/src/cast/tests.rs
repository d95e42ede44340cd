//! What the model and the tools do when they are told to, each in a simulation of its own.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use soma_core::conversation::model::{ChatMessage, FinishReason, ModelFailure, ModelToolCall};
use soma_core::conversation::profile::ModelProfile;
use soma_core::ids::{CallId, SessionId, TenantId, TurnId};
use soma_core::ports::model::{About, ModelEvent, ModelRequest};
use soma_core::ports::tool::ToolContext;
use soma_core::ports::{Model, Toolbox};
use soma_core::tool::{ToolCall, ToolStatus};
use soma_inproc::InprocLedger;
use soma_simulated::{Chance, Nature, Process, Simulation, Weather};

use super::speech::{flaw, piece};
use super::tools::name_of;
use super::{Act, Calls, Part, Runs, SimulatedModel, SimulatedToolbox, Swarm, specs};
use crate::audit::Audit;
use crate::pace::Pace;

fn simulation() -> (Simulation, Nature, Arc<Audit>) {
    let simulation = Simulation::new(7, Weather::fair());
    let nature = simulation.nature();
    let audit = Audit::new(Arc::new(InprocLedger::new(nature.clock())), None);
    (simulation, nature, audit)
}

/// What came of a task of `process`; none if it died before.
fn outcome<T: Send + 'static>(
    simulation: &Simulation,
    process: &Process,
    task: impl Future<Output = T> + Send + 'static,
) -> Option<T> {
    let slot = Arc::new(Mutex::new(None));
    let told = Arc::clone(&slot);
    process.spawn(async move { *told.lock().unwrap() = Some(task.await) });
    simulation.run(10_000, || false);
    slot.lock().unwrap().take()
}

fn request(process: &Process, messages: Vec<ChatMessage>, max_tokens: u64) -> ModelRequest {
    let ids = process.world().ids;
    let profile = ModelProfile::new("simulated", max_tokens, 8_000);
    ModelRequest {
        session_id: SessionId::from_uuid(ids.uuid()),
        turn_id: TurnId::from_uuid(ids.uuid()),
        profile,
        messages,
        tools: specs(),
        max_tokens,
        about: About { analysis: None, recalled: Vec::new(), history: 0 },
    }
}

fn said(words: &str) -> ChatMessage {
    ChatMessage::User { content: words.into() }
}

/// What one call came to: its text, and how it ended.
type Answered = (String, Result<ModelEvent, ModelFailure>);

async fn ask(model: &SimulatedModel, request: &ModelRequest) -> Answered {
    let mut text = String::new();
    let mut stream = match model.generate(request.clone()).await {
        Ok(stream) => stream,
        Err(failure) => return (text, Err(failure)),
    };
    while let Some(event) = stream.next().await {
        match event {
            Ok(ModelEvent::Text(piece)) => text.push_str(&piece),
            end => return (text, end),
        }
    }
    panic!("the stream ended in silence")
}

/// The first answers to a message, one call after the other, and how long they took.
fn answers(words: &str, max_tokens: u64, calls: usize) -> (Vec<Answered>, Duration) {
    let (simulation, nature, audit) = simulation();
    let process = nature.process("worker", 1);
    let model = SimulatedModel::new(&process, Arc::new(Calls::default()), audit);
    let request = request(&process, vec![said(words)], max_tokens);
    let asked = async move {
        let mut answers = Vec::new();
        for _ in 0..calls {
            answers.push(ask(&model, &request).await);
        }
        answers
    };
    let answers = outcome(&simulation, &process, asked).unwrap();
    (answers, nature.clock().now().since(nature.beginning()))
}

fn one(words: &str, max_tokens: u64) -> Answered {
    answers(words, max_tokens, 1).0.remove(0)
}

#[test]
fn answer_has_the_pieces_that_were_asked_for_each_in_its_time() {
    let (answers, took) = answers("m7 p3 d200", 500, 1);
    let (text, end) = &answers[0];

    assert_eq!(*text, (0..3).map(|index| piece(7, 0, index)).collect::<String>());
    assert!(matches!(end, Ok(ModelEvent::Done { finish: FinishReason::Stop, .. })), "{end:?}");
    assert_eq!(took, Duration::from_millis(800));
}

#[test]
fn every_call_of_a_turn_says_something_else() {
    let (answers, _) = answers("m7 p1 d0", 500, 2);

    assert_eq!(answers[0].0, piece(7, 0, 0));
    assert_eq!(answers[1].0, piece(7, 1, 0));
}

#[test]
fn answer_stops_at_a_piece_when_it_has_said_as_much_as_it_may() {
    let (text, end) = one("m7 p5 d0", 20);

    assert!(!text.is_empty() && text.len() <= 80, "{text:?}");
    assert_eq!(flaw(&text, 7), None);
    assert!(matches!(end, Ok(ModelEvent::Done { finish: FinishReason::Length, .. })), "{end:?}");
}

#[test]
fn usage_is_told_or_not_or_exaggerated() {
    let used = |words: &str| match one(words, 100).1 {
        Ok(ModelEvent::Done { usage, .. }) => usage.map(|usage| usage.completion_tokens),
        end => panic!("{end:?}"),
    };

    assert_eq!(used("m7 p1 d0"), Some(7));
    assert_eq!(used("m7 p1 d0 n"), None);
    assert!(used("m7 p1 d0 l").unwrap() > 100);
}

#[test]
fn trouble_comes_after_its_piece_and_passes() {
    let (answers, _) = answers("m7 p3 d0 c x1 w2", 500, 2);

    assert_eq!(answers[0], (piece(7, 0, 0) + &piece(7, 0, 1), Err(ModelFailure::Broken)));
    assert!(answers[1].1.is_ok());
}

#[test]
fn every_trouble_has_its_failure() {
    let busy = ModelFailure::RateLimited { retry_after_seconds: Some(7) };

    assert_eq!(one("m7 p1 d0 b7 x9 w0", 100).1, Err(busy));
    assert_eq!(one("m7 p1 d0 u x9 w0", 100).1, Err(ModelFailure::Unavailable("down".into())));
    assert_eq!(one("m7 p1 d0 f x9 w0", 100).1, Err(ModelFailure::ContentFilter));
    assert_eq!(one("m7 p1 d0 e x9 w0", 100).0, "");
    let (hung, took) = answers("m7 p1 d0 h6 x9 w1", 100, 1);
    assert_eq!(hung[0].1, Err(ModelFailure::Timeout));
    assert_eq!(took, Duration::from_secs(6));
}

#[test]
fn poison_kills_every_worker_that_asks_until_it_is_used_up() {
    let (simulation, nature, audit) = simulation();
    let calls = Arc::new(Calls::default());
    let ids = nature.process("client", 0);
    let request = request(&ids, vec![said("m7 p2 d0 k x2 w1")], 500);

    let lived = [1, 2, 3].map(|number| {
        let process = nature.process("worker", number);
        let model = SimulatedModel::new(&process, Arc::clone(&calls), Arc::clone(&audit));
        let request = request.clone();
        let answer = outcome(&simulation, &process, async move { ask(&model, &request).await });
        (answer.is_some(), process.is_alive())
    });

    assert_eq!(lived, [(false, false), (false, false), (true, true)]);
}

#[test]
fn tools_are_asked_for_round_by_round() {
    let (simulation, nature, audit) = simulation();
    let process = nature.process("worker", 1);
    let model = SimulatedModel::new(&process, Arc::new(Calls::default()), audit);
    let tools_of = |messages: Vec<ChatMessage>, model: Arc<SimulatedModel>| {
        let request = request(&process, messages, 500);
        let asked = outcome(&simulation, &process, async move { ask(&model, &request).await });
        match asked.unwrap().1 {
            Ok(ModelEvent::Done { tool_calls, .. }) => tool_calls,
            end => panic!("{end:?}"),
        }
    };
    let (model, words) = (Arc::new(model), said("m7 p1 d0 tec ts"));
    let names = |calls: &[ModelToolCall]| -> Vec<String> {
        calls.iter().map(|call| call.name.clone()).collect()
    };

    let first = tools_of(vec![words.clone()], Arc::clone(&model));
    let asked = ChatMessage::Assistant { content: String::new(), tool_calls: first.clone() };
    let second = tools_of(vec![words.clone(), asked.clone()], Arc::clone(&model));
    let third = tools_of(vec![words, asked.clone(), asked], model);

    assert_eq!(names(&first), ["echo", "charge"]);
    assert_eq!(names(&second), ["slow"]);
    assert_eq!(names(&third), [""; 0]);
}

/// What becomes of the executors that run a call one after the other.
fn runs(initial: char, arguments: &str) -> Vec<Option<ToolStatus>> {
    let (simulation, nature, audit) = simulation();
    let runs = Arc::new(Runs::default());
    let ids = nature.process("client", 0).world().ids;
    let session = SessionId::from_uuid(ids.uuid());
    let context = ToolContext::new(TenantId::new("acme").unwrap(), session);
    let call = ToolCall {
        call_id: CallId::from_uuid(ids.uuid()),
        model_call_id: "call-0".into(),
        tool_name: name_of(initial).into(),
        arguments: arguments.into(),
    };
    let lives = (1..=4).map(|number| {
        let process = nature.process("executor", number);
        let tools = SimulatedToolbox::new(&process, Arc::clone(&runs), Arc::clone(&audit));
        let (context, call) = (context.clone(), call.clone());
        let ran = async move { tools.run(&context, &call).await.status };
        outcome(&simulation, &process, ran)
    });
    lives.collect()
}

#[test]
fn fatal_tools_kill_the_oftener_the_later_they_are_asked_for() {
    let done = Some(ToolStatus::Success);

    assert_eq!(runs('y', "{}"), [None, done, done, done]);
    assert_eq!(runs('y', r#"{"n":2}"#), [None, None, None, done]);
    assert_eq!(runs('k', r#"{"n":1}"#), [None, None, done, done]);
}

#[test]
fn other_tools_answer_or_fail_and_kill_nobody() {
    assert_eq!(runs('e', "{}"), [Some(ToolStatus::Success); 4]);
    assert_eq!(runs('b', "{}"), [Some(ToolStatus::Error); 4]);
    assert_eq!(runs('?', "{}"), [Some(ToolStatus::Error); 4]);
}

/// What is said and done by people on so many days that are drawn.
fn drawn(is_fair: bool) -> Vec<Act> {
    let days = (0..200).map(|seed| {
        let mut chance = Chance::new(seed);
        let swarm = Swarm::draw(&mut chance, Pace::Dense);
        let swarm = if is_fair { swarm.on_a_fair_day() } else { swarm };
        Part::draw(&mut chance, &swarm, &[TenantId::new("acme").unwrap()])
    });
    days.flatten().flat_map(|part| part.acts).map(|(_, act)| act).collect()
}

#[test]
fn nobody_asks_for_a_fatal_tool_on_a_fair_day() {
    let is_fatal = |act: &Act| match act {
        Act::Say { words, .. } => words.rounds.iter().any(|round| round.contains(['k', 'K', 'y'])),
        Act::Request(initial) => ['k', 'K', 'y'].contains(initial),
        Act::Read { .. }
        | Act::SayAgain
        | Act::Misuse
        | Act::Wait(_)
        | Act::Leave
        | Act::Cancel
        | Act::Pry
        | Act::Look
        | Act::Delete => false,
    };

    assert!(!drawn(true).iter().any(is_fatal));
    assert!(drawn(false).iter().any(is_fatal));
}
