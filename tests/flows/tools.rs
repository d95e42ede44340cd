//! Which tools a model is offered: those that its tenant has when the turn begins.

use std::sync::Arc;

use serde_json::json;
use soma_core::conversation::event::Event;
use soma_core::conversation::event::EventType::{ToolResult, ToolStart};
use soma_core::conversation::model::ChatMessage;
use soma_core::ids::TenantId;
use soma_core::policy::Action;
use soma_core::ports::model::ModelRequest;
use soma_inproc::{InprocToolbox, Script, ScriptedTool, StaticPolicy};
use soma_tests::platform::{Client, asks_for, check, has_tool_results};

use crate::house::Plan;

fn echo(name: &str) -> Arc<ScriptedTool> {
    Arc::new(ScriptedTool::echo(name))
}

fn no_tools() -> Arc<StaticPolicy> {
    Arc::new(StaticPolicy::allow_all().deny(Action::ToolExecute, "not today"))
}

fn offered(request: &ModelRequest) -> Vec<&str> {
    request.tools.iter().map(|tool| tool.name.as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn model_is_offered_the_tools_of_its_tenant() {
    let toolbox = Arc::new(InprocToolbox::new(vec![echo("common")]));
    toolbox.add(Some(TenantId::new("globex").unwrap()), echo("theirs"));
    let house = Plan::saying("Well.").with(|plan| plan.ports.tools = toolbox.clone()).open();
    let (mut ours, mut theirs) = (house.client(), Client::new(&house.platform, "globex"));

    ours.ask_and_wait("What have you got?").await;
    theirs.ask_and_wait("What have you got?").await;

    let requests = house.model.requests();
    assert_eq!(offered(&requests[0]), ["common"]);
    assert_eq!(offered(&requests[1]), ["common", "theirs"]);
}

#[tokio::test(start_paused = true)]
async fn tool_that_another_tenant_has_does_not_run() {
    let theirs = echo("theirs");
    let toolbox = Arc::new(InprocToolbox::default());
    toolbox.add(Some(TenantId::new("globex").unwrap()), theirs.clone());
    let house = Plan::asking_for("theirs").with(|plan| plan.ports.tools = toolbox.clone()).open();
    let mut client = house.client();

    client.ask_and_wait("Use it.").await;

    assert_eq!(theirs.calls().len(), 0);
    let told = format!("{:?}", house.model.requests()[1].messages);
    assert!(told.contains("there is no tool named"), "{told}");
    check(&house.platform, &client.principal).await;
}

/// In its event, in the ledger of calls and in what the model is shown.
#[tokio::test(start_paused = true)]
async fn every_call_of_a_round_has_its_own_outcome() {
    const SAID: [&str; 3] = [r#"{"say":"one"}"#, r#"{"say":"two"}"#, r#"{"say":"three"}"#];
    let plan = Plan::new(|request, _| {
        if has_tool_results(request) {
            Script::answer("So say the tools.")
        } else {
            asks_for("", &SAID.map(|said| ("echo", said)))
        }
    });
    let house = plan.open();
    let mut client = house.client();

    client.ask_and_wait("Use it three times.").await;

    let report = check(&house.platform, &client.principal).await;
    for (number, said) in SAID.into_iter().enumerate() {
        let id = format!("call-{number}");
        let is_result = |of: &&Event| of.kind == ToolResult && of.metadata["tool_call_id"] == id;
        let event = report.events.iter().find(is_result).unwrap();
        assert_eq!(event.message, said, "the event of {id}");
        let calls = &report.turns[0].calls;
        let record = calls.iter().find(|record| record.call.model_call_id == id).unwrap();
        assert_eq!(event.metadata["call_id"], json!(record.call.call_id), "the event of {id}");
        assert_eq!(record.call.arguments, said);
        let outcome = record.outcome.as_ref().unwrap();
        assert_eq!(
            (outcome.call_id, outcome.payload.to_string()),
            (record.call.call_id, said.into())
        );
        let shown = house.model.requests()[1].messages.iter().find_map(|message| match message {
            ChatMessage::Tool { tool_call_id, content, .. } => {
                (*tool_call_id == id).then(|| content.clone())
            }
            ChatMessage::System { .. }
            | ChatMessage::User { .. }
            | ChatMessage::Assistant { .. } => None,
        });
        assert_eq!(shown.as_deref(), Some(said), "what the model is shown of {id}");
    }
}

#[tokio::test(start_paused = true)]
async fn tool_that_there_is_not_is_told_as_unknown_and_not_as_forbidden() {
    let house = Plan::asking_for("web_search").with(|plan| plan.ports.policy = no_tools()).open();
    let mut client = house.client();

    client.ask_and_wait("Use it.").await;

    let told = format!("{:?}", house.model.requests()[1].messages);
    assert!(told.contains("there is no tool named"), "{told}");
    assert!(told.contains("there are: echo"), "{told}");
    assert_eq!(client.view.count(ToolStart), 0);
    check(&house.platform, &client.principal).await;
}

#[tokio::test(start_paused = true)]
async fn tool_that_comes_while_a_turn_runs_is_offered_from_the_next_on() {
    let toolbox = Arc::new(InprocToolbox::new(vec![echo("old")]));
    let adds = Arc::clone(&toolbox);
    let plan = Plan::new(move |request, before| {
        if before == 0 {
            adds.add(None, echo("new"));
        }
        if has_tool_results(request) {
            Script::answer("So says the tool.")
        } else {
            asks_for("Let me see.", &[("old", "{}")])
        }
    });
    let house = plan.with(|plan| plan.ports.tools = toolbox.clone()).open();
    let mut client = house.client();

    client.ask_and_wait("first").await;
    client.ask_and_wait("second").await;

    let requests = house.model.requests();
    let offered: Vec<_> = requests.iter().map(offered).collect();
    assert_eq!(offered[..3], [vec!["old"], vec!["old"], vec!["new", "old"]]);
    check(&house.platform, &client.principal).await;
}
