//! The platform within a program: what it answers, and what it refuses to be.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use soma_core::conversation::event::{Event, EventType};
use soma_core::conversation::model::{ChatMessage, ModelToolCall};
use soma_core::flows::follow_session::Until;
use soma_core::flows::submit_message::NewMessage;
use soma_core::identity::Principal;
use soma_core::ports::{Tool, Toolbox};
use soma_core::stream::cursor::Cursor;
use soma_core::stream::resume::{FrameBody, Style};
use soma_inproc::{InprocToolbox, Script, ScriptedModel, ScriptedTool};
use soma_services::{SetupError, Soma, Unit};
use soma_tokio::TokioTimer;

const PATIENCE: Duration = Duration::from_mins(1);

fn model(script: Script) -> Arc<ScriptedModel> {
    Arc::new(ScriptedModel::new(script, Arc::new(TokioTimer), PATIENCE))
}

fn echo() -> Arc<dyn Toolbox> {
    let tools: Vec<Arc<dyn Tool>> = vec![Arc::new(ScriptedTool::echo("echo"))];
    Arc::new(InprocToolbox::new(tools))
}

/// What a message is answered, and the events on the way.
async fn asked(soma: &Soma, text: &str) -> (String, Vec<Arc<Event>>) {
    let caller = Principal::new("acme".parse().unwrap(), "me");
    let message = NewMessage { message: text.into(), ..NewMessage::default() };
    let session = soma.gateway().submit.run(&caller, message).await.unwrap().session_id;
    let follow = &soma.gateway().follow;
    let frames = follow.run(&caller, session, Cursor::default(), Style::Deltas, Until::Final);
    let (mut answer, mut events) = (String::new(), Vec::new());
    let mut frames = frames.await.unwrap();
    while let Some(frame) = frames.next().await {
        match frame.unwrap().body {
            FrameBody::Answer { text, .. } => answer.push_str(&text),
            FrameBody::Event(event) => events.push(event),
            FrameBody::Deleted => panic!("nothing is deleted here"),
            FrameBody::Reasoning { .. } => panic!("nobody thinks here"),
        }
    }
    (answer, events)
}

#[tokio::test]
async fn message_is_answered_with_everything_in_memory() {
    let soma = Soma::in_memory(model(Script::answer("Hello."))).start().unwrap();

    let (answer, events) = asked(&soma, "hi").await;

    assert_eq!(answer, "Hello.");
    assert_eq!(events.last().unwrap().kind, EventType::AssistantFinal);
    soma.stop().await;
}

#[tokio::test]
async fn tool_that_the_model_asks_for_is_run() {
    let call = ModelToolCall { id: "1".into(), name: "echo".into(), arguments: "{}".into() };
    let scripted = model(Script::answer("So says the echo."));
    scripted.then(Script::new().text("Let me see.").ask_for(vec![call]));
    let soma = Soma::in_memory(Arc::clone(&scripted) as _).tools(echo()).start().unwrap();

    let (answer, _) = asked(&soma, "hi").await;

    assert_eq!(answer, "Let me see.\n\nSo says the echo.");
    let shown = scripted.requests().pop().unwrap().messages;
    assert!(matches!(shown.last(), Some(ChatMessage::Tool { .. })), "{shown:?}");
    soma.stop().await;
}

#[tokio::test]
async fn tools_that_nobody_runs_are_refused_before_anyone_waits_for_them() {
    let soma = || Soma::in_memory(model(Script::answer("Hello."))).tools(echo());

    let refused = soma().without(Unit::Executor).start();

    assert_eq!(refused.unwrap_err(), SetupError::NobodyRunsTools(vec!["echo".into()]));
    assert!(soma().elsewhere(Unit::Executor).start().is_ok(), "another process runs them");
    let without = Soma::in_memory(model(Script::new())).without(Unit::Executor).start();
    assert!(without.is_ok(), "no tool is offered");
}

#[tokio::test]
async fn set_up_that_answers_nothing_is_refused() {
    for unit in [Unit::Gateway, Unit::Worker, Unit::OutboxSync] {
        let refused = Soma::in_memory(model(Script::new())).without(unit).start();

        assert_eq!(refused.unwrap_err(), SetupError::NobodyRuns(unit));
    }
}

#[test]
fn start_outside_of_a_runtime_is_refused() {
    let refused = Soma::in_memory(model(Script::new())).start();

    assert_eq!(refused.unwrap_err(), SetupError::NoRuntime);
}
