//! A turn that is cancelled, wherever it is.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Map, Value};
use soma_core::conversation::event::EventType::{AssistantFinal, ToolResult, TurnFailed};
use soma_core::flows::request_tool::NewToolRequest;
use soma_core::flows::stop::Stop;
use soma_core::ports::Tool;
use soma_core::ports::tool::{ToolContext, ToolError};
use soma_core::tool::{ToolSpec, ToolStatus};
use soma_inproc::Script;
use soma_tests::platform::{HeldTool, Tools, Unit, asks_for, check, last_words, repeatable};

use crate::house::Plan;

#[tokio::test(start_paused = true)]
async fn cancel_in_mid_answer_keeps_the_text_and_settles_what_was_used() {
    let never = Stop::new();
    let house = Plan::new(move |_, _| Script::new().text("Once upon ").hold(&never)).open();
    let mut client = house.client();
    client.say("Tell me a story.").await;
    client.until(|view| view.text == "Once upon ").await;

    client.cancel().await;
    client.until_ended(1).await;

    let ended = client.view.ended.values().next().unwrap();
    assert_eq!((ended.kind, ended.reason.as_deref()), (TurnFailed, Some("cancelled")));
    assert_eq!(ended.text, "Once upon ");
    assert!(ended.tokens > 0, "the prompt and the text were used");
    assert_eq!(house.model.under_way(), 0);
    let report = check(&house.platform, &client.principal).await;
    assert_eq!(report.used, ended.tokens);
}

#[tokio::test(start_paused = true)]
async fn cancel_while_tools_run_ends_the_turn_at_once() {
    let tool = HeldTool::new("slow");
    let slow = Arc::clone(&tool);
    let house = Plan::new(|_, _| asks_for("Wait.", &[("slow", "{}")]))
        .with(|plan| plan.ports.tools = Tools::one(slow))
        .open();
    let mut client = house.client();
    client.say("Do something slow.").await;
    tool.begun.wait().await;

    client.cancel().await;
    client.until_ended(1).await;
    tool.release.trigger();

    let ended = client.view.ended.values().next().unwrap();
    assert_eq!((ended.reason.as_deref(), ended.text.as_str()), (Some("cancelled"), "Wait.\n\n"));
    let report = check(&house.platform, &client.principal).await;
    assert_eq!(client.view.count(ToolResult), 0, "nothing follows the end of a turn");
    let [call] = &*report.turns[0].calls else { panic!("{:?}", report.turns) };
    let outcome = call.outcome.as_ref().expect("a call that was cancelled says so");
    assert_eq!((outcome.call_id, outcome.status), (call.call.call_id, ToolStatus::Cancelled));
}

/// Runs until it is told that nobody waits any more, and then tidies up if it is polite.
struct Attentive {
    spec: ToolSpec,
    polite: bool,
    begun: Stop,
    told: Stop,
    /// Dropped with the call.
    under_way: Arc<()>,
}

impl Attentive {
    fn new(polite: bool) -> Arc<Self> {
        let (begun, told, under_way) = (Stop::new(), Stop::new(), Arc::default());
        Arc::new(Self { spec: repeatable("attentive"), polite, begun, told, under_way })
    }
}

#[async_trait]
impl Tool for Attentive {
    fn spec(&self) -> ToolSpec {
        self.spec.clone()
    }

    async fn call(&self, context: &ToolContext, _: Value) -> Result<Value, ToolError> {
        let _under_way = Arc::clone(&self.under_way);
        self.begun.trigger();
        context.cancelled.wait().await;
        self.told.trigger();
        if !self.polite {
            std::future::pending::<()>().await;
        }
        Err(ToolError::Tell("it was stopped".into()))
    }
}

/// Whether it ends by itself or not.
#[tokio::test(start_paused = true)]
async fn cancel_reaches_a_tool_that_runs() {
    for polite in [true, false] {
        let tool = Attentive::new(polite);
        let attentive = Arc::clone(&tool);
        let house = Plan::asking_for("attentive")
            .with(|plan| plan.ports.tools = Tools::one(attentive))
            .open();
        let mut client = house.client();
        client.say("Do something slow.").await;
        tool.begun.wait().await;

        client.cancel().await;
        client.until_ended(1).await;
        tool.told.wait().await;
        house.platform.pass(Duration::from_secs(1)).await;

        assert_eq!(Arc::strong_count(&tool.under_way), 1, "the call still runs");
        check(&house.platform, &client.principal).await;
    }
}

/// It waits for no turn.
#[tokio::test(start_paused = true)]
async fn cancel_does_not_reach_a_tool_that_a_client_asked_for() {
    let tool = Attentive::new(true);
    let attentive = Arc::clone(&tool);
    let never = Stop::new();
    let house = Plan::new(move |_, _| Script::new().text("Hm ").hold(&never))
        .with(|plan| plan.ports.tools = Tools::one(attentive))
        .open();
    let mut client = house.client();
    client.say("Think.").await;
    client.until(|view| view.text == "Hm ").await;
    let gateway = house.platform.gateway().unwrap();
    let (session_id, args) = (client.session.unwrap(), Map::new());
    let request = NewToolRequest { session_id, tool_name: "attentive".into(), args, trace: None };
    gateway.request_tool.run(&client.principal, request).await.unwrap();
    tool.begun.wait().await;

    client.cancel().await;
    client.until_ended(1).await;
    house.platform.pass(Duration::from_secs(5)).await;

    assert!(!tool.told.is_set());
}

#[tokio::test(start_paused = true)]
async fn cancel_ends_the_turn_that_runs_and_the_one_behind_it_goes_on() {
    let never = Stop::new();
    let house = Plan::new(move |request, _| {
        if last_words(request).contains("second") {
            Script::answer("Done.")
        } else {
            Script::new().text("Hm ").hold(&never)
        }
    })
    .open();
    let mut client = house.client();
    let first = client.say("first").await;
    client.until(|view| view.text == "Hm ").await;
    let second = client.say("second").await;

    client.cancel().await;
    client.until_ended(2).await;

    assert_eq!(client.view.order, [first.turn_id, second.turn_id]);
    assert_eq!(client.view.ended[&first.turn_id].reason.as_deref(), Some("cancelled"));
    assert_eq!(client.view.ended[&second.turn_id].kind, AssistantFinal);
    check(&house.platform, &client.principal).await;
}

#[tokio::test(start_paused = true)]
async fn cancel_of_all_ends_turns_that_wait_in_the_queue_too() {
    let never = Stop::new();
    let house = Plan::new(move |_, _| Script::new().text("Hm ").hold(&never)).open();
    let mut client = house.client();
    let first = client.say("first").await;
    client.until(|view| view.text == "Hm ").await;
    let second = client.say("second").await;

    client.cancel_all().await;
    client.until_ended(2).await;

    assert_eq!(client.view.order, [first.turn_id, second.turn_id]);
    assert_eq!(client.view.count(TurnFailed), 2);
    assert_eq!(house.model.requests().len(), 1, "the second never reached the model");
    check(&house.platform, &client.principal).await;
}

#[tokio::test(start_paused = true)]
async fn cancel_before_any_worker_is_there_ends_the_turn_once_one_comes() {
    let house = Plan::saying("Too late.").open();
    house.platform.stop(Unit::Worker).await;
    let mut client = house.client();
    client.say("Never mind.").await;
    client.cancel().await;

    house.platform.start(Unit::Worker);
    client.until_ended(1).await;

    assert_eq!(client.view.count(TurnFailed), 1);
    assert_eq!(house.model.requests().len(), 0);
    check(&house.platform, &client.principal).await;
}

#[tokio::test(start_paused = true)]
async fn cancel_of_an_idle_session_changes_nothing() {
    let house = Plan::saying("Done.").open();
    let mut client = house.client();
    client.ask_and_wait("first").await;

    client.cancel().await;
    let second = client.ask_and_wait("second").await;

    assert_eq!(second.kind, AssistantFinal);
    check(&house.platform, &client.principal).await;
}
