//! The day whose budget pays.

use std::time::Duration;

use soma_core::budget::window::BudgetWindow;
use soma_core::budget::{Account, Spent};
use soma_core::conversation::event::EventType::AssistantFinal;
use soma_core::conversation::model::{FinishReason, Usage};
use soma_core::flows::stop::Stop;
use soma_inproc::{Script, ScriptStep};
use soma_tests::platform::{Unit, quiet};

use crate::house::{House, Plan};

/// A plan in whose first minute a day ends; the day.
async fn before_midnight(plan: &Plan) -> BudgetWindow {
    let today = BudgetWindow::at(plan.stage.clock.now());
    let left = today.end().since(plan.stage.clock.now());
    plan.stage.timer.sleep(left.saturating_sub(Duration::from_secs(5))).await;
    today
}

async fn spent(house: &House, window: BudgetWindow) -> Spent {
    let account = Account { tenant: house.client().principal.tenant, persona_id: None };
    house.platform.truth.usage.balance(&account, window).await.unwrap().spent()
}

/// What is set aside before midnight is found and settled after it, by whoever goes on.
#[tokio::test(start_paused = true)]
async fn turn_is_paid_by_the_day_of_its_message_whoever_ends_it_and_when() {
    let never = Stop::new();
    let plan = Plan::new(move |_, before| {
        let usage = Some(Usage { prompt_tokens: 70, completion_tokens: 7, estimated: false });
        let done = ScriptStep::Done { tool_calls: Vec::new(), finish: FinishReason::Stop, usage };
        let begun = Script::new().text("Well ");
        if before == 0 { begun.hold(&never) } else { begun.step(done) }
    });
    let today = before_midnight(&plan).await;
    let house = plan.open();
    let mut client = house.client();
    client.say("Well?").await;
    client.until(|view| view.text == "Well ").await;
    let lost = spent(&house, today).await.reserved;

    house.platform.crash(Unit::Worker).await;
    house.platform.pass(Duration::from_secs(20)).await;
    house.platform.start(Unit::Worker);
    client.until_ended(1).await;

    assert_eq!(client.view.ended.values().next().unwrap().kind, AssistantFinal);
    quiet(&house.platform, &client.principal).await;
    let tomorrow = BudgetWindow::at(house.platform.stage.clock.now());
    assert_ne!(today, tomorrow);
    assert_eq!(spent(&house, today).await, Spent { used: lost + 77, reserved: 0 });
    assert_eq!(spent(&house, tomorrow).await, Spent::default());
}

#[tokio::test(start_paused = true)]
async fn day_that_begins_has_its_whole_budget() {
    let plan = Plan::saying("Well.").with(|plan| plan.settings.turns.budget_limit = Some(1_100));
    before_midnight(&plan).await;
    let house = plan.open();
    let mut client = house.client();
    client.ask_and_wait("first").await;
    let used_up = client.ask_and_wait("second").await;

    house.platform.pass(Duration::from_secs(20)).await;
    let ended = client.ask_and_wait("third").await;

    assert_eq!(ended.kind, AssistantFinal, "{used_up:?}");
}
