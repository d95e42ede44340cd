//! A second message while a turn runs.

use soma_core::conversation::event::EventType::{AssistantFinal, TurnFailed};
use soma_core::flows::refusal::Refusal;
use soma_core::flows::stop::Stop;
use soma_core::flows::submit_message::{NewMessage, WhenBusy};
use soma_core::ports::model::ModelRequest;
use soma_inproc::Script;
use soma_tests::platform::{check, last_words};

use crate::house::Plan;

/// Answers by repeating, but holds the first answer until it is let go.
fn holding_the_first(go_on: &Stop) -> impl Fn(&ModelRequest, usize) -> Script + use<> {
    let held = go_on.clone();
    move |request, _| {
        let words = last_words(request).to_owned();
        let begun = Script::new().text("You said ");
        let begun = if words == "first" { begun.hold(&held) } else { begun };
        begun.text(words).done()
    }
}

#[tokio::test(start_paused = true)]
async fn message_that_comes_meanwhile_is_answered_next() {
    let go_on = Stop::new();
    let house = Plan::new(holding_the_first(&go_on)).open();
    let mut client = house.client();
    let first = client.say("first").await;
    client.until(|view| view.text == "You said ").await;

    let second = client.say("second").await;
    let third = client.say("third").await;
    go_on.trigger();
    client.until_ended(3).await;

    assert_eq!(client.view.order, [first.turn_id, second.turn_id, third.turn_id]);
    assert_eq!(client.view.ended[&third.turn_id].text, "You said third");
    assert_eq!(house.model.requests()[1].about.history, 2, "the first turn, and only it");
    check(&house.platform, &client.principal).await;
}

#[tokio::test(start_paused = true)]
async fn message_that_does_not_want_to_wait_is_refused_and_leaves_nothing() {
    let go_on = Stop::new();
    let house = Plan::new(holding_the_first(&go_on)).open();
    let mut client = house.client();
    client.say("first").await;
    client.until(|view| view.text == "You said ").await;

    let message = NewMessage {
        session_id: client.session,
        message: "second".into(),
        when_busy: WhenBusy::Reject,
        ..NewMessage::default()
    };
    let refused = client.submit(message.clone()).await;
    go_on.trigger();
    client.until_ended(1).await;
    let accepted = client.submit(message).await;

    assert!(matches!(refused, Some(Err(Refusal::Busy))), "{refused:?}");
    assert!(matches!(accepted, Some(Ok(_))), "an idle session takes it: {accepted:?}");
    client.until_ended(2).await;
    let report = check(&house.platform, &client.principal).await;
    assert_eq!(report.turns.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn message_that_interrupts_cancels_the_running_turn_and_no_other() {
    let go_on = Stop::new();
    let house = Plan::new(holding_the_first(&go_on)).open();
    let mut client = house.client();
    let first = client.say("first").await;
    client.until(|view| view.text == "You said ").await;
    let second = client.say("second").await;

    let third = client.say_when_busy("third", WhenBusy::Interrupt).await;
    client.until_ended(3).await;

    let ended = |turn| client.view.ended[&turn].clone();
    assert_eq!(ended(first.turn_id).reason.as_deref(), Some("cancelled"));
    assert_eq!(ended(first.turn_id).text, "You said ", "what was said is kept");
    assert_eq!(ended(second.turn_id).kind, AssistantFinal);
    assert_eq!(ended(third.turn_id).kind, AssistantFinal);
    assert_eq!(client.view.count(TurnFailed), 1);
    assert_eq!(house.model.under_way(), 0, "the call of the model was ended");
    check(&house.platform, &client.principal).await;
}
