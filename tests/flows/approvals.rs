//! A tool that needs a person's approval, which cannot be given yet.

use std::sync::Arc;

use serde_json::Map;
use soma_core::conversation::event::EventType::{AssistantFinal, ToolResult, ToolStart};
use soma_core::flows::refusal::Refusal;
use soma_core::flows::request_tool::NewToolRequest;
use soma_core::tool::ToolSpec;
use soma_inproc::ScriptedTool;
use soma_tests::platform::{Tools, check, unrepeatable};

use crate::house::{House, Plan};

/// A house whose model asks for such a tool, offered or not.
fn open() -> (House, Arc<ScriptedTool>) {
    let spec = ToolSpec { needs_approval: true, ..unrepeatable("wipe") };
    let tool = Arc::new(ScriptedTool::new(spec, |arguments| Ok(arguments.clone())));
    let wipe = Arc::clone(&tool);
    let plan = Plan::asking_for("wipe").with(|plan| plan.ports.tools = Tools::one(wipe));
    (plan.open(), tool)
}

#[tokio::test(start_paused = true)]
async fn tool_that_needs_an_approval_is_not_offered_and_not_run_for_a_model() {
    let (house, tool) = open();
    let mut client = house.client();

    let ended = client.ask_and_wait("Wipe it.").await;

    assert_eq!(ended.kind, AssistantFinal);
    assert!(house.model.requests().iter().all(|request| request.tools.is_empty()));
    assert_eq!((tool.calls().len(), client.view.count(ToolStart)), (0, 0));
    let result = client.view.events.iter().find(|event| event.kind == ToolResult).unwrap();
    assert_eq!(result.metadata["status"], "blocked");
    assert!(result.message.contains("approval"), "{}", result.message);
    check(&house.platform, &client.principal).await;
}

#[tokio::test(start_paused = true)]
async fn tool_that_needs_an_approval_is_refused_to_a_client() {
    let (house, tool) = open();
    let mut client = house.client();
    client.ask_and_wait("Hello?").await;
    let request = NewToolRequest {
        session_id: client.session.unwrap(),
        tool_name: "wipe".into(),
        args: Map::new(),
        trace: None,
    };

    let gateway = house.platform.gateway().unwrap();
    let refusal = gateway.request_tool.run(&client.principal, request).await.unwrap_err();

    let Refusal::Denied(why) = refusal else { panic!("{refusal:?}") };
    assert!(why.contains("approval"), "{why}");
    assert_eq!(tool.calls().len(), 0);
}
