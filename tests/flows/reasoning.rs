//! What a reasoning model thinks: shown while it thinks, and never taken for its answer.

use std::time::Duration;

use soma_core::conversation::event::EventType::AssistantFinal;
use soma_core::conversation::model::ModelToolCall;
use soma_core::flows::stop::Stop;
use soma_inproc::Script;
use soma_tests::platform::{check, has_tool_results};

use crate::house::Plan;

const WHILE: Duration = Duration::from_millis(200);

fn thinks_and_says(text: &str) -> Script {
    Script::new()
        .reasoning("They want ")
        .pause(WHILE)
        .reasoning("a number.")
        .pause(WHILE)
        .text(text)
        .done()
}

#[tokio::test(start_paused = true)]
async fn thoughts_are_streamed_beside_the_answer_and_never_become_part_of_it() {
    let house = Plan::new(|_, _| thinks_and_says("Seven.")).open();
    let mut client = house.client();
    client.say("Which?").await;

    client.until(|view| view.thoughts.values().any(|thought| thought == "They want ")).await;
    assert_eq!(client.view.text, "");
    client.until_ended(1).await;
    client.ask_and_wait("And now?").await;

    let thoughts: Vec<_> = client.view.thoughts.values().collect();
    assert_eq!(thoughts, ["They want a number."; 2]);
    assert!(client.view.ended.values().all(|ended| ended.text == "Seven."));
    for request in house.model.requests() {
        let prompt = format!("{:?}", request.messages);
        assert!(!prompt.contains("They want"), "{prompt}");
    }
    check(&house.platform, &client.principal).await;
}

#[tokio::test(start_paused = true)]
async fn each_call_of_a_turn_thinks_anew() {
    let house = Plan::new(|request, _| {
        if has_tool_results(request) {
            Script::new().reasoning("It says ho.").pause(WHILE).text("Ho!").done()
        } else {
            let id = "call-1".to_owned();
            let call = ModelToolCall { id, name: "echo".into(), arguments: "{}".into() };
            Script::new().reasoning("A tool may know.").pause(WHILE).ask_for(vec![call])
        }
    })
    .open();
    let mut client = house.client();

    let ended = client.ask_and_wait("Ho?").await;

    assert_eq!((ended.kind, ended.text.as_str()), (AssistantFinal, "Ho!"));
    let calls: Vec<_> =
        client.view.thoughts.iter().map(|((_, call), text)| (*call, &**text)).collect();
    assert_eq!(calls, [(1, "A tool may know."), (2, "It says ho.")]);
    check(&house.platform, &client.principal).await;
}

#[tokio::test(start_paused = true)]
async fn client_that_comes_back_is_shown_what_is_being_thought() {
    let thought = Stop::new();
    let until = thought.clone();
    let house = Plan::new(move |_, _| {
        Script::new()
            .reasoning("Let me ")
            .hold(&until)
            .reasoning("think.")
            .pause(WHILE)
            .text("Seven.")
            .done()
    })
    .open();
    let mut client = house.client();
    client.say("Which?").await;
    client.until(|view| !view.thoughts.is_empty()).await;

    client.disconnect();
    client.view.thoughts.clear();
    client.until(|view| view.thoughts.values().any(|thought| thought == "Let me ")).await;
    thought.trigger();
    client.until_ended(1).await;

    assert_eq!(client.view.thoughts.values().next().map(String::as_str), Some("Let me think."));
    check(&house.platform, &client.principal).await;
}
