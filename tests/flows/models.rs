//! Models that fail, each in its way.

use std::time::Duration;

use soma_core::conversation::event::EventType::{AssistantFinal, AssistantRestarted, TurnFailed};
use soma_core::conversation::model::ModelFailure;
use soma_core::flows::stop::Stop;
use soma_inproc::Script;
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

#[tokio::test(start_paused = true)]
async fn empty_answer_is_a_failure() {
    let (ended, ..) = ask(Plan::new(|_, _| Script::new().done())).await;

    assert_eq!((ended.kind, ended.reason.as_deref()), (TurnFailed, Some("model_error")));
}
