//! What is stored and cannot be read any more: of another build, or damaged.

use std::sync::Arc;
use std::time::Duration;

use soma_core::budget::window::BudgetWindow;
use soma_core::budget::{Account, Spent};
use soma_core::conversation::event::EventType::{
    AssistantFinal, ToolResult, TurnFailed, Unreadable,
};
use soma_core::conversation::event::Seq;
use soma_core::flows::stop::Stop;
use soma_core::ids::{CallId, TurnId};
use soma_inproc::{InprocLedger, Script};
use soma_tests::platform::{HeldTool, Tools, Unit, asks_for, has_tool_results};

use crate::house::{House, Plan};
use crate::records::dead_letters;

/// More than it takes until a claim whose holder died is taken over.
const TAKEN_OVER: Duration = Duration::from_secs(15);

fn open(plan: Plan) -> (House, Arc<InprocLedger>) {
    let ledger = Arc::clone(&plan.stage.ledger);
    (plan.open(), ledger)
}

#[tokio::test(start_paused = true)]
async fn turn_whose_record_cannot_be_read_fails_and_the_session_goes_on() {
    let never = Stop::new();
    let (house, ledger) = open(Plan::new(move |_, before| match before {
        0 => Script::new().text("Once ").hold(&never),
        _ => Script::answer("Here I am."),
    }));
    let mut client = house.client();
    let bad = client.say("Tell me a story.").await;
    client.until(|view| view.text == "Once ").await;

    house.platform.crash(Unit::Worker).await;
    ledger.damage_last_input(bad.turn_id);
    let good = client.say("Are you there?").await;
    house.platform.start(Unit::Worker);
    client.until_ended(2).await;

    let (failed, answered) = (&client.view.ended[&bad.turn_id], &client.view.ended[&good.turn_id]);
    assert_eq!((failed.kind, failed.reason.as_deref()), (TurnFailed, Some("unreadable")));
    let told = client.view.events.iter().find(|event| event.kind == TurnFailed).unwrap();
    assert!(told.message.contains("cannot be read"), "{}", told.message);
    assert_eq!(answered.kind, AssistantFinal);
    let letters = dead_letters(&house.platform.truth, "conversation.inbound.dlq").await;
    assert_eq!(letters.len(), 1);
    let whole = letters[0]["original_event"].as_str().unwrap();
    assert!(whole.contains("Tell me a story.") && whole.contains(&bad.turn_id.to_string()));
}

#[tokio::test(start_paused = true)]
async fn what_a_turn_that_cannot_be_read_had_set_aside_counts_as_used() {
    let never = Stop::new();
    let (house, ledger) = open(Plan::new(move |_, _| Script::new().text("Once ").hold(&never)));
    let mut client = house.client();
    let bad = client.say("Tell me a story.").await;
    client.until(|view| view.text == "Once ").await;
    let truth = &house.platform.truth;
    let account = Account { tenant: client.principal.tenant.clone(), persona_id: None };
    let window = BudgetWindow::at(house.platform.stage.clock.now());
    let before = truth.usage.balance(&account, window).await.unwrap().spent();
    assert!(before.reserved > 0);

    house.platform.crash(Unit::Worker).await;
    ledger.damage_last_input(bad.turn_id);
    house.platform.start(Unit::Worker);
    client.until_ended(1).await;

    let after = truth.usage.balance(&account, window).await.unwrap().spent();
    assert_eq!(after, Spent { used: before.total(), reserved: 0 });
}

fn call_of(turn: TurnId) -> CallId {
    CallId::derived(turn, 0, 0)
}

fn asking() -> Plan {
    Plan::new(|request, _| {
        if has_tool_results(request) {
            Script::answer("So says the tool.")
        } else {
            asks_for("Let me see.", &[("slow", "{}")])
        }
    })
}

#[tokio::test(start_paused = true)]
async fn call_that_cannot_be_read_is_not_run_and_its_turn_goes_on() {
    let tool = HeldTool::new("slow");
    let slow = Arc::clone(&tool);
    let (house, ledger) = open(asking().with(|plan| plan.ports.tools = Tools::one(slow)));
    house.platform.crash(Unit::Executor).await;
    let mut client = house.client();
    let turn = client.say("Use the tool.").await.turn_id;
    client.for_a_while(TAKEN_OVER).await;

    ledger.damage_call(call_of(turn));
    house.platform.start(Unit::Executor);
    client.until_ended(1).await;

    assert_eq!(client.view.ended[&turn].kind, AssistantFinal);
    assert!(!tool.begun.is_set(), "nobody knows what was asked for");
    let result = client.view.events.iter().find(|event| event.kind == ToolResult).unwrap();
    assert_eq!(result.metadata["status"], "error");
    assert!(result.message.contains("cannot be read"), "{}", result.message);
    assert_eq!(dead_letters(&house.platform.truth, "tool.requests.dlq").await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn turn_whose_tool_answered_what_cannot_be_read_goes_on() {
    let tool = HeldTool::new("slow");
    let slow = Arc::clone(&tool);
    let (house, ledger) = open(asking().with(|plan| plan.ports.tools = Tools::one(slow)));
    let mut client = house.client();
    let turn = client.say("Use the tool.").await.turn_id;
    client.for_a_while(Duration::from_secs(2)).await;
    assert!(tool.begun.is_set());
    house.platform.crash(Unit::Worker).await;
    tool.release.trigger();
    client.until(|view| view.count(ToolResult) == 1).await;

    ledger.damage_outcome(call_of(turn));
    house.platform.start(Unit::Worker);
    client.until_ended(1).await;

    assert_eq!(client.view.ended[&turn].kind, AssistantFinal);
    let requests = house.model.requests();
    let shown = format!("{:?}", requests.last().unwrap().messages.last().unwrap());
    assert!(shown.contains("cannot be read"), "{shown}");
    assert_eq!(dead_letters(&house.platform.truth, "tool.results.dlq").await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn event_that_cannot_be_read_stops_neither_a_turn_nor_a_stream() {
    let (house, ledger) = open(Plan::saying("Here I am."));
    let mut client = house.client();
    client.ask_and_wait("Hello?").await;

    ledger.damage_event(client.session.unwrap(), Seq(2));
    let ended = client.ask_and_wait("Still there?").await;
    let mut late = house.client();
    late.session = client.session;
    late.until_ended(2).await;

    assert_eq!(ended.kind, AssistantFinal);
    assert_eq!(late.view.kinds[1], Unreadable);
    assert_eq!(late.view.kinds.len(), client.view.kinds.len());
}

#[tokio::test(start_paused = true)]
async fn memory_that_cannot_be_read_is_set_aside_and_others_are_written() {
    let (house, ledger) = open(Plan::saying("Noted."));
    house.platform.crash(Unit::MemorySync).await;
    let mut client = house.client();
    client.ask_and_wait("Remember this.").await;
    ledger.damage_memories(client.session.unwrap());
    let mut other = house.client();
    other.ask_and_wait("And that.").await;

    house.platform.start(Unit::MemorySync);
    client.for_a_while(TAKEN_OVER).await;

    assert_eq!(house.remembered(&client).await, 2, "only the other's");
    assert_eq!(dead_letters(&house.platform.truth, "memory.wal.dlq").await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn outbox_row_that_cannot_be_read_is_set_aside_and_the_rest_is_published() {
    let (house, ledger) = open(Plan::saying("Here I am."));
    house.platform.crash(Unit::OutboxSync).await;
    let mut client = house.client();
    let turn = client.say("Hello?").await.turn_id;

    // The row of its event; that of the turn stands behind it.
    ledger.damage_outbox_row(client.session.unwrap());
    house.platform.start(Unit::OutboxSync);
    client.until_ended(1).await;
    client.for_a_while(TAKEN_OVER).await;

    assert_eq!(client.view.ended[&turn].kind, AssistantFinal);
    let letters = dead_letters(&house.platform.truth, "conversation.outbound.dlq").await;
    assert_eq!(letters.len(), 1);
    let error = letters[0]["error_message"].as_str().unwrap();
    assert!(error.contains("cannot be read"), "{error}");
    assert_eq!(house.platform.truth.outbox.depth().await.unwrap().rows, 0);
}
