//! Which tools a model is offered: those that its tenant has when the turn begins.

use std::sync::Arc;

use soma_core::conversation::event::EventType::ToolStart;
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
