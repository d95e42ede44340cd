//! Models that fail, each in its way.

use std::time::Duration;

use soma_core::conversation::event::EventType::{AssistantFinal, AssistantRestarted, TurnFailed};
use soma_core::conversation::model::{FinishReason, ModelFailure};
use soma_core::flows::stop::Stop;
use soma_core::ports::model::ModelRequest;
use soma_inproc::{Script, ScriptStep};
use soma_tests::platform::{Ended, asks_for, check, profile};

use crate::house::Plan;

/// Every failure, what a turn says of it, and whether the same model is asked again.
fn failures() -> Vec<(ModelFailure, &'static str, bool)> {
    vec![
        (ModelFailure::Unauthorized, "model_error", false),
        (ModelFailure::NotFound, "model_error", false),
        (ModelFailure::RateLimited { retry_after_seconds: Some(7) }, "model_error", true),
        (ModelFailure::RateLimited { retry_after_seconds: None }, "model_error", true),
        (ModelFailure::TooLong, "too_long", false),
        (ModelFailure::ContentFilter, "content_filter", false),
        (ModelFailure::Refused("no".into()), "model_error", false),
        (ModelFailure::Unavailable("503".into()), "model_error", true),
        (ModelFailure::Broken, "model_error", true),
        (ModelFailure::Timeout, "timeout", true),
    ]
}

/// Fails this often, then answers.
fn failing(times: usize, failure: ModelFailure) -> Plan {
    Plan::new(move |_, before| {
        if before < times { Script::refusing(failure.clone()) } else { Script::answer("At last.") }
    })
}

async fn ask(plan: Plan) -> (Ended, usize, Duration) {
    let house = plan.open();
    let mut client = house.client();
    let begun = house.platform.stage.clock.now();
    let ended = client.ask_and_wait("Well?").await;
    let took = house.platform.stage.clock.now().since(begun);
    check(&house.platform, &client.principal).await;
    (ended, house.model.requests().len(), took)
}

#[tokio::test(start_paused = true)]
async fn failure_that_passes_is_tried_again_and_one_that_stays_is_not() {
    for (failure, _, passes) in failures() {
        let (ended, asked, _) = ask(failing(1, failure.clone())).await;

        let expected = if passes { (AssistantFinal, 2) } else { (TurnFailed, 1) };
        assert_eq!((ended.kind, asked), expected, "{failure:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn failure_for_good_ends_the_turn_with_its_reason() {
    for (failure, reason, passes) in failures() {
        let (ended, asked, _) = ask(failing(usize::MAX, failure.clone())).await;

        assert_eq!((ended.kind, ended.reason.as_deref()), (TurnFailed, Some(reason)));
        assert_eq!(asked, if passes { 3 } else { 1 }, "{failure:?}");
        assert_eq!(ended.tokens, 0, "a call that never began uses nothing");
    }
}

/// Two failures before the tools and two after them are not four in a row.
#[tokio::test(start_paused = true)]
async fn failures_before_a_round_of_tools_do_not_count_after_it() {
    let plan = Plan::new(|_, before| match before {
        2 => asks_for("Let me see.", &[("echo", "{}")]),
        0 | 1 | 3 | 4 => Script::refusing(ModelFailure::Broken),
        _ => Script::answer("At last."),
    });

    let (ended, calls, _) = ask(plan).await;

    assert_eq!((ended.kind, calls), (AssistantFinal, 6));
}

#[tokio::test(start_paused = true)]
async fn fallback_answers_when_the_first_model_does_not() {
    for (failure, ..) in failures() {
        let failed = failure.clone();
        let plan = Plan::new(move |request, _| {
            if request.profile.model == "fallback" {
                Script::answer("I am second.")
            } else {
                Script::refusing(failed.clone())
            }
        });

        let fallback = Some(profile("fallback"));
        let (ended, ..) = ask(plan.with(|plan| plan.settings.turns.fallback = fallback)).await;

        assert_eq!((ended.kind, ended.text.as_str()), (AssistantFinal, "I am second."));
    }
}

#[tokio::test(start_paused = true)]
async fn busy_model_is_left_alone_for_as_long_as_it_wants() {
    let failure = ModelFailure::RateLimited { retry_after_seconds: Some(7) };

    let (ended, _, took) = ask(failing(1, failure)).await;

    assert_eq!(ended.kind, AssistantFinal);
    assert!(took >= Duration::from_secs(7) && took < Duration::from_secs(9), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn answer_that_breaks_off_starts_anew_and_the_stream_says_so() {
    let house = Plan::new(|_, before| {
        let begun = Script::new().text("First try, ");
        if before == 0 { begun.text("lost") } else { Script::answer("Second try, whole.") }
    })
    .open();
    let mut client = house.client();

    let ended = client.ask_and_wait("Well?").await;

    assert_eq!((ended.text.as_str(), ended.attempt), ("Second try, whole.", 2));
    assert_eq!(client.view.count(AssistantRestarted), 1);
    let report = check(&house.platform, &client.principal).await;
    assert!(report.used > 0, "the call that broke off is paid for");
}

#[tokio::test(start_paused = true)]
async fn model_that_falls_silent_in_mid_answer_is_given_up_and_asked_again() {
    let never = Stop::new();
    let house = Plan::new(move |_, before| {
        if before == 0 {
            Script::new().text("Let me ").hold(&never)
        } else {
            Script::answer("Here.")
        }
    })
    .open();
    let mut client = house.client();

    let ended = client.ask_and_wait("Well?").await;

    assert_eq!((ended.text.as_str(), ended.attempt), ("Here.", 2));
    check(&house.platform, &client.principal).await;
}

fn ending(finish: FinishReason) -> Script {
    Script::new().step(ScriptStep::Done { tool_calls: Vec::new(), finish, usage: None })
}

#[tokio::test(start_paused = true)]
async fn empty_answer_is_asked_for_once_more() {
    let empty = |_: &ModelRequest, before| match before {
        0 => ending(FinishReason::Stop),
        _ => Script::answer("Here I am."),
    };
    let (ended, asked, _) = ask(Plan::new(empty)).await;
    assert_eq!((ended.kind, ended.text.as_str(), asked), (AssistantFinal, "Here I am.", 2));

    for finish in [FinishReason::Stop, FinishReason::ToolCalls] {
        let (ended, asked, _) = ask(Plan::new(move |_, _| ending(finish))).await;

        assert_eq!((ended.kind, ended.reason.as_deref()), (TurnFailed, Some("model_error")));
        assert_eq!(asked, 2);
        assert!(ended.message.contains("was empty"), "{}", ended.message);
    }
}

#[tokio::test(start_paused = true)]
async fn empty_answer_that_explains_itself_is_not_asked_for_again() {
    let (ended, asked, _) = ask(Plan::new(|_, _| ending(FinishReason::ContentFilter))).await;
    assert_eq!((ended.reason.as_deref(), asked), (Some("content_filter"), 1));

    let thinks = |_: &ModelRequest, _| Script::new().reasoning("Hm").step(out_of_tokens());
    let (ended, asked, _) = ask(Plan::new(thinks)).await;
    assert_eq!((ended.reason.as_deref(), asked), (Some("model_error"), 1));
    assert!(ended.message.contains("max_tokens"), "{}", ended.message);
}

fn out_of_tokens() -> ScriptStep {
    ScriptStep::Done { tool_calls: Vec::new(), finish: FinishReason::Length, usage: None }
}

#[tokio::test(start_paused = true)]
async fn model_that_wants_more_tools_than_it_may_is_told_of() {
    let silent = Plan::new(|_, _| asks_for("", &[("echo", "{}")]));
    let (ended, ..) = ask(silent.with(|plan| plan.settings.turns.max_tool_rounds = 2)).await;
    assert_eq!(ended.kind, TurnFailed);
    assert!(ended.message.contains("2 rounds of tools"), "{}", ended.message);

    let house = Plan::new(|_, _| asks_for("Let me see.", &[("echo", "{}")]))
        .with(|plan| plan.settings.turns.max_tool_rounds = 1)
        .open();
    let mut client = house.client();
    let ended = client.ask_and_wait("Well?").await;
    assert_eq!(ended.text, "Let me see.\n\nLet me see.");
    let last = client.view.events.last().unwrap();
    assert_eq!(last.metadata["tool_rounds_used_up"], true);
}

/// The model can read only so many messages.
fn reading_at_most(messages: usize) -> Plan {
    Plan::new(move |request, _| {
        if request.messages.len() > messages {
            Script::refusing(ModelFailure::TooLong)
        } else {
            Script::answer("I see.")
        }
    })
}

#[tokio::test(start_paused = true)]
async fn window_is_cut_once_if_the_model_cannot_read_it() {
    let house = reading_at_most(8).open();
    let mut client = house.client();
    for round in 0..10 {
        let ended = client.ask_and_wait(&format!("This is message {round}.")).await;
        assert_eq!(ended.kind, AssistantFinal, "{round}");
    }

    let requests = house.model.requests();
    let last = requests.last().unwrap();
    let text = format!("{:?}", last.messages);
    assert!(text.contains("message 9"), "{text}");
    assert!(last.messages.len() > 2 && !text.contains("message 0"), "the newest stays: {text}");
    check(&house.platform, &client.principal).await;
}

#[tokio::test(start_paused = true)]
async fn model_that_can_read_nothing_is_asked_again_only_with_less() {
    let house = Plan::new(|request, _| {
        if format!("{:?}", request.messages).contains("four") {
            Script::refusing(ModelFailure::TooLong)
        } else {
            Script::answer("I see.")
        }
    })
    .open();
    let mut client = house.client();
    for text in ["one", "two", "three"] {
        client.ask_and_wait(text).await;
    }

    let ended = client.ask_and_wait("four").await;

    assert_eq!(ended.reason.as_deref(), Some("too_long"));
    assert_eq!(house.model.requests().len(), 3 + 2);
    check(&house.platform, &client.principal).await;
}
