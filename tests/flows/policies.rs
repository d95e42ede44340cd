//! What policy forbids, and what happens when it cannot be asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use mockall::Sequence;
use serde_json::Map;
use soma_core::conversation::event::EventType::{AssistantFinal, ToolStart, TurnFailed};
use soma_core::flows::refusal::Refusal;
use soma_core::flows::request_tool::NewToolRequest;
use soma_core::policy::{Action, Decision, PolicyRequest};
use soma_core::ports::{Policy, PortError, PortResult};
use soma_inproc::{Script, StaticPolicy};
use soma_tests::platform::{Unit, asks_for, check, has_tool_results};

use crate::house::{House, Plan};

/// Cannot be reached the first so many times; then it allows everything.
struct Unreachable {
    times: AtomicUsize,
}

impl Unreachable {
    fn times(times: usize) -> Arc<Self> {
        Arc::new(Self { times: AtomicUsize::new(times) })
    }
}

#[async_trait]
impl Policy for Unreachable {
    async fn decide(&self, requests: &[PolicyRequest]) -> PortResult<Vec<Decision>> {
        let left =
            self.times.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        match left {
            Ok(_) => Err(PortError::Unavailable("no route".into())),
            Err(_) => Ok(requests.iter().map(allowed).collect()),
        }
    }
}

fn allowed(request: &PolicyRequest) -> Decision {
    Decision::new(request, true, Vec::new())
}

fn denying(action: Action) -> Arc<StaticPolicy> {
    Arc::new(StaticPolicy::allow_all().deny(action, "not on my watch"))
}

#[tokio::test(start_paused = true)]
async fn denied_message_fails_with_its_reason_and_never_reaches_the_model() {
    let house = Plan::saying("Never.")
        .with(|plan| plan.ports.policy = denying(Action::ConversationSend))
        .open();
    let mut client = house.client();

    let ended = client.ask_and_wait("Something bad.").await;

    assert_eq!((ended.kind, ended.reason.as_deref()), (TurnFailed, Some("policy_denied")));
    let said = client.view.events.last().unwrap();
    assert!(said.message.contains("not on my watch"), "{}", said.message);
    assert_eq!(house.model.requests().len(), 0);
    let report = check(&house.platform, &client.principal).await;
    assert_eq!((report.replicated, report.used), (0, 0), "nothing is remembered");
}

#[tokio::test(start_paused = true)]
async fn denied_tool_is_told_to_the_model_and_never_runs() {
    let house = Plan::asking_for("echo")
        .with(|plan| plan.ports.policy = denying(Action::ToolExecute))
        .open();
    let mut client = house.client();

    let ended = client.ask_and_wait("Use the tool.").await;

    assert_eq!(ended.kind, AssistantFinal);
    assert_eq!((house.echo.calls().len(), client.view.count(ToolStart)), (0, 0));
    let told = format!("{:?}", house.model.requests()[1].messages);
    assert!(told.contains("not on my watch"), "{told}");
    check(&house.platform, &client.principal).await;
}

#[tokio::test(start_paused = true)]
async fn memory_that_may_not_be_written_is_not() {
    let house =
        Plan::saying("Noted.").with(|plan| plan.ports.policy = denying(Action::MemoryWrite)).open();
    let mut client = house.client();

    let ended = client.ask_and_wait("Forget this.").await;

    assert_eq!(ended.kind, AssistantFinal);
    let report = check(&house.platform, &client.principal).await;
    assert_eq!(report.replicated, 0);
}

#[tokio::test(start_paused = true)]
async fn policy_that_comes_back_soon_is_waited_for() {
    let house =
        Plan::asking_for("echo").with(|plan| plan.ports.policy = Unreachable::times(5)).open();
    let mut client = house.client();

    let ended = client.ask_and_wait("Use the tool.").await;

    assert_eq!(ended.kind, AssistantFinal);
    assert_eq!(house.echo.calls().len(), 1);
    check(&house.platform, &client.principal).await;
}

#[tokio::test(start_paused = true)]
async fn policy_that_cannot_be_reached_denies() {
    let house = Plan::saying("Never.")
        .with(|plan| plan.ports.policy = Unreachable::times(usize::MAX))
        .open();
    let mut client = house.client();

    let ended = client.ask_and_wait("Is anyone there?").await;

    assert_eq!(ended.reason.as_deref(), Some("policy_denied"));
    assert_eq!(house.model.requests().len(), 0);
    check(&house.platform, &client.principal).await;
}

/// Has no answer on one action, and allows the others.
struct SilentOn(Action);

#[async_trait]
impl Policy for SilentOn {
    async fn decide(&self, requests: &[PolicyRequest]) -> PortResult<Vec<Decision>> {
        if requests.iter().any(|request| request.action == self.0) {
            return Err(PortError::Unavailable("no route".into()));
        }
        Ok(requests.iter().map(allowed).collect())
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_policy_that_cannot_be_reached_is_told_so_and_nothing_runs() {
    let house = Plan::saying("Hello.")
        .with(|plan| plan.ports.policy = Arc::new(SilentOn(Action::ToolExecute)))
        .open();
    let mut client = house.client();
    client.ask_and_wait("Hi").await;
    let request = NewToolRequest {
        session_id: client.session.unwrap(),
        tool_name: "echo".into(),
        args: Map::new(),
        trace: None,
    };
    let gateway = house.platform.gateway().unwrap();

    let refusal = gateway.request_tool.run(&client.principal, request).await.unwrap_err();

    assert!(matches!(refusal, Refusal::Port(PortError::Unavailable(_))), "{refusal:?}");
    assert_eq!(house.echo.calls().len(), 0);
    check(&house.platform, &client.principal).await;
}

mockall::mock! {
    Engine {}

    #[async_trait]
    impl Policy for Engine {
        async fn decide(&self, requests: &[PolicyRequest]) -> PortResult<Vec<Decision>>;
    }
}

/// An engine that allows everything, and is asked for exactly these actions, in these calls.
fn asked_for(calls: &'static [&'static [Action]]) -> MockEngine {
    let mut engine = MockEngine::new();
    let mut sequence = Sequence::new();
    for actions in calls {
        let expected = move |requests: &[PolicyRequest]| {
            requests.iter().map(|request| request.action).eq(actions.iter().copied())
        };
        let call = engine.expect_decide().times(1).in_sequence(&mut sequence);
        call.withf(expected).returning(|requests| Ok(requests.iter().map(allowed).collect()));
    }
    engine
}

const TURN: &[Action] = &[Action::ConversationSend, Action::MemoryRecall, Action::MemoryWrite];

/// Stops everything, so that nobody holds the engine any more, and looks whether it was asked as
/// often as was expected.
async fn verify(house: House, engine: Arc<MockEngine>) {
    for unit in Unit::ALL {
        house.platform.stop(unit).await;
    }
    drop(house);
    Arc::into_inner(engine).unwrap().checkpoint();
}

#[tokio::test(start_paused = true)]
async fn turn_asks_policy_once() {
    let engine = Arc::new(asked_for(&[TURN]));
    let house = Plan::saying("Yes.").with(|plan| plan.ports.policy = engine.clone()).open();
    let mut client = house.client();

    let ended = client.ask_and_wait("May I?").await;

    assert_eq!(ended.kind, AssistantFinal);
    check(&house.platform, &client.principal).await;
    drop(client);
    verify(house, engine).await;
}

#[tokio::test(start_paused = true)]
async fn round_of_tools_asks_policy_once_for_all_its_calls() {
    let engine = Arc::new(asked_for(&[TURN, &[Action::ToolExecute; 3]]));
    let house = Plan::new(|request, _| {
        if has_tool_results(request) {
            Script::answer("So say the tools.")
        } else {
            asks_for("Let me see.", &[("echo", "{\"say\":1}"), ("echo", "{}"), ("echo", "{}")])
        }
    })
    .with(|plan| plan.ports.policy = engine.clone())
    .open();
    let mut client = house.client();

    let ended = client.ask_and_wait("Use the tools.").await;

    assert_eq!((ended.kind, house.echo.calls().len()), (AssistantFinal, 3));
    check(&house.platform, &client.principal).await;
    drop(client);
    verify(house, engine).await;
}

/// Answers for other requests than it was asked about.
struct Confused;

#[async_trait]
impl Policy for Confused {
    async fn decide(&self, requests: &[PolicyRequest]) -> PortResult<Vec<Decision>> {
        Ok(requests.iter().rev().map(allowed).collect())
    }
}

#[tokio::test(start_paused = true)]
async fn decision_on_something_else_is_a_denial() {
    let house = Plan::saying("Never.").with(|plan| plan.ports.policy = Arc::new(Confused)).open();
    let mut client = house.client();

    let ended = client.ask_and_wait("May I?").await;

    assert_eq!(ended.reason.as_deref(), Some("policy_denied"));
    assert_eq!(house.model.requests().len(), 0);
    check(&house.platform, &client.principal).await;
}
