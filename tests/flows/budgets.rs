//! Tokens that are used up.

use soma_core::conversation::event::EventType::{AssistantFinal, TurnFailed};
use soma_core::conversation::model::{FinishReason, Usage};
use soma_inproc::{Beat, Script};
use soma_tests::platform::{asks_for, check, has_tool_results};

use crate::house::Plan;

/// A whole answer that says what it used.
fn using(prompt_tokens: u64, completion_tokens: u64) -> Script {
    let usage = Some(Usage { prompt_tokens, completion_tokens, estimated: false });
    let done = Beat::Done { tool_calls: Vec::new(), finish: FinishReason::Stop, usage };
    Script::new().text("Well.").beat(done)
}

#[tokio::test(start_paused = true)]
async fn ledger_is_what_the_model_says_it_used() {
    let house = Plan::new(|_, _| using(70, 7)).open();
    let mut client = house.client();

    client.ask_and_wait("first").await;
    client.ask_and_wait("second").await;

    let report = check(&house.platform, &client.principal).await;
    assert_eq!(report.used, 2 * 77);
}

#[tokio::test(start_paused = true)]
async fn message_beyond_the_budget_is_refused_and_uses_nothing() {
    let house = Plan::new(|_, _| using(300, 60))
        .with(|plan| plan.settings.turns.budget_limit = Some(400))
        .open();
    let mut client = house.client();

    let first = client.ask_and_wait("first").await;
    let second = client.ask_and_wait("second").await;

    assert_eq!(first.kind, AssistantFinal);
    assert_eq!((second.kind, second.reason.as_deref()), (TurnFailed, Some("over_budget")));
    let wait = client.view.events.last().unwrap().metadata["retry_after_seconds"].as_u64();
    assert!(wait.is_some_and(|wait| wait <= 12 * 3_600), "until midnight: {wait:?}");
    let report = check(&house.platform, &client.principal).await;
    assert_eq!((report.used, house.model.requests().len()), (360, 1));
}

#[tokio::test(start_paused = true)]
async fn budget_that_ends_between_two_rounds_keeps_what_was_said() {
    let house = Plan::new(|request, _| {
        if has_tool_results(request) { using(1, 1) } else { asks_for("So far.", &[("echo", "{}")]) }
    })
    .with(|plan| plan.settings.turns.budget_limit = Some(150))
    .open();
    let mut client = house.client();

    let ended = client.ask_and_wait("Use the tool.").await;

    assert_eq!(ended.reason.as_deref(), Some("over_budget"));
    assert_eq!(ended.text, "So far.\n\n");
    check(&house.platform, &client.principal).await;
}

#[tokio::test(start_paused = true)]
async fn tenants_do_not_share_a_budget() {
    let house = Plan::new(|_, _| using(300, 60))
        .with(|plan| plan.settings.turns.budget_limit = Some(400))
        .open();
    let mut first = house.client();
    let mut other = soma_tests::platform::Client::new(&house.platform, "other");

    first.ask_and_wait("first").await;
    let ended = other.ask_and_wait("second").await;

    assert_eq!(ended.kind, AssistantFinal);
    check(&house.platform, &other.principal).await;
}
