//! A store that is away for some seconds, at the worst moment.

use std::sync::Arc;

use soma_core::conversation::event::EventType::{AssistantFinal, ToolResult};
use soma_core::flows::stop::Stop;
use soma_decorators::{FaultKind, FaultPlan, Faulty};
use soma_inproc::{Script, ScriptedTool};
use soma_tests::platform::{Tools, asks_for, check, has_tool_results, unrepeatable};

use crate::house::Plan;

/// How many calls it takes until the store is back: more than any flow tries in a hurry.
const REFUSED: u64 = 12;

/// The next calls are refused.
fn go_away(store: &FaultPlan) {
    let calls = store.calls();
    for nth in calls + 1..=calls + REFUSED {
        store.arm(nth, FaultKind::Refuse);
    }
}

/// Puts the store under a plan of its own.
fn under_plan(plan: &mut Plan) -> Arc<FaultPlan> {
    let faults = FaultPlan::new(Arc::clone(&plan.stage.timer));
    plan.ports.store = Arc::new(Faulty::new(Arc::clone(&plan.ports.store), Arc::clone(&faults)));
    faults
}

#[tokio::test(start_paused = true)]
async fn answer_that_cannot_be_committed_at_once_is_not_asked_for_again() {
    let go_on = Stop::new();
    let held = go_on.clone();
    let mut plan =
        Plan::new(move |_, _| Script::new().text("Almost ").hold(&held).text("done.").done());
    let store = under_plan(&mut plan);
    let house = plan.open();
    let mut client = house.client();
    client.say("Well?").await;
    client.until(|view| view.text == "Almost ").await;

    go_away(&store);
    go_on.trigger();
    client.until_ended(1).await;

    let ended = client.view.ended.values().next().unwrap();
    assert_eq!((ended.kind, ended.attempt), (AssistantFinal, 1));
    assert_eq!((store.hits().len() as u64, house.model.requests().len()), (REFUSED, 1));
    check(&house.platform, &client.principal).await;
}

#[tokio::test(start_paused = true)]
async fn result_that_cannot_be_committed_at_once_is_not_lost() {
    let mut plan = Plan::new(|request, _| {
        if has_tool_results(request) {
            Script::answer("Done.")
        } else {
            asks_for("", &[("once", "{}")])
        }
    });
    let store = under_plan(&mut plan);
    let leaving = Arc::clone(&store);
    let tool = ScriptedTool::new(unrepeatable("once"), move |arguments| {
        go_away(&leaving);
        Ok(arguments.clone())
    });
    plan.ports.tools = Tools::one(Arc::new(tool));
    let house = plan.open();
    let mut client = house.client();

    let ended = client.ask_and_wait("Do it, but once.").await;

    assert_eq!(ended.kind, AssistantFinal);
    let result = client.view.events.iter().find(|event| event.kind == ToolResult).unwrap();
    assert_eq!(result.metadata["status"], "success", "it is known what became of it");
    check(&house.platform, &client.principal).await;
}
