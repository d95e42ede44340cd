//! The story of a message, and of a tool round.

use std::time::Duration;

use soma_core::conversation::event::EventType::{
    AssistantFinal, AssistantStarted, AssistantThinking, ContextRecalled, ToolRequested,
    ToolResult, ToolStart, UserMessage,
};
use soma_core::flows::stop::Stop;
use soma_inproc::Script;
use soma_tests::platform::{asks_for, check, has_tool_results, last_words};

use crate::house::Plan;

#[tokio::test(start_paused = true)]
async fn message_is_answered_in_a_stream_and_remembered() {
    let house = Plan::saying("It is noon.").open();
    let mut client = house.client();

    let ended = client.ask_and_wait("What time is it?").await;

    assert_eq!((ended.kind, ended.text.as_str()), (AssistantFinal, "It is noon."));
    let story = [UserMessage, AssistantStarted, AssistantThinking, AssistantFinal];
    assert_eq!(client.view.kinds, story);
    let report = check(&house.platform, &client.principal).await;
    assert_eq!((report.replicated, report.used), (2, ended.tokens));
    assert_eq!(house.model.requests().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn tool_round_ends_in_an_answer_that_knows_the_result() {
    let house = Plan::asking_for("echo").open();
    let mut client = house.client();

    let ended = client.ask_and_wait("What does the tool say?").await;

    assert_eq!(ended.text, "Let me see.\n\nSo says the tool.");
    let story = [
        UserMessage,
        AssistantStarted,
        AssistantThinking,
        ToolRequested,
        ToolStart,
        ToolResult,
        AssistantFinal,
    ];
    assert_eq!(client.view.kinds, story);
    assert_eq!(house.echo.calls().len(), 1);
    let asked = house.model.requests();
    assert_eq!(asked.len(), 2);
    assert!(format!("{:?}", asked[1].messages).contains("ho"), "the model sees the result");
    check(&house.platform, &client.principal).await;
}

#[tokio::test(start_paused = true)]
async fn tools_of_one_round_run_together_and_are_all_waited_for() {
    let house = Plan::new(|request, _| {
        if has_tool_results(request) {
            Script::answer("Both.")
        } else {
            asks_for("", &[("echo", r#"{"n":1}"#), ("echo", r#"{"n":2}"#), ("nothing", "{}")])
        }
    })
    .open();
    let mut client = house.client();

    let ended = client.ask_and_wait("Ask twice.").await;

    assert_eq!(ended.text, "Both.");
    assert_eq!(client.view.count(ToolResult), 3);
    assert_eq!(house.echo.calls().len(), 2);
    check(&house.platform, &client.principal).await;
}

#[tokio::test(start_paused = true)]
async fn second_turn_sees_the_first_as_history() {
    let house = Plan::saying("Noted.").open();
    let mut client = house.client();

    client.ask_and_wait("My name is Zaphod.").await;
    client.ask_and_wait("What is my name?").await;

    let asked = house.model.requests();
    assert_eq!(asked[1].about.history, 2);
    assert!(format!("{:?}", asked[1].messages).contains("Zaphod"));
    assert_eq!(last_words(&asked[1]), "What is my name?");
    check(&house.platform, &client.principal).await;
}

#[tokio::test(start_paused = true)]
async fn another_session_recalls_what_was_said() {
    let house = Plan::saying("Noted.").open();
    let mut first = house.client();
    first.ask_and_wait("My ship is called Heart of Gold.").await;
    check(&house.platform, &first.principal).await;
    let mut second = house.client();

    second.ask_and_wait("What is my ship called?").await;

    assert_eq!(second.view.count(ContextRecalled), 1);
    let asked = house.model.requests();
    assert!(asked[1].about.recalled.iter().any(|text| text.contains("Heart of Gold")));
    check(&house.platform, &second.principal).await;
}

#[tokio::test(start_paused = true)]
async fn client_that_comes_back_in_mid_answer_is_shown_the_rest_at_once() {
    let go_on = Stop::new();
    let held = go_on.clone();
    let house = Plan::new(move |_, _| {
        Script::new().text("One ").text("two ").hold(&held).text("three.").done()
    })
    .open();
    let mut client = house.client();
    client.say("Count.").await;
    client.until(|view| view.text == "One two ").await;
    let mut late = house.client();
    late.session = client.session;
    let mut behind = house.client();
    behind.session = client.session;
    behind.view = client.view.clone();
    behind.view.forget_answer();
    behind.view.cursor = Some("3".into());

    late.for_a_while(Duration::from_millis(10)).await;
    behind.for_a_while(Duration::from_millis(10)).await;

    assert_eq!(late.view.text, "One two ", "a newcomer sees the running answer");
    assert_eq!(behind.view.text, "One two ", "and so does who has seen every event");
    go_on.trigger();
    client.until_ended(1).await;
    late.until_ended(1).await;
    behind.until_ended(1).await;
    check(&house.platform, &client.principal).await;
}
