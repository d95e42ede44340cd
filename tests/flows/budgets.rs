//! Tokens that are used up.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use soma_core::budget::window::BudgetWindow;
use soma_core::budget::{Account, Grant, Reservation, ReservationRequest, Spent, Tokens};
use soma_core::conversation::event::EventType::{AssistantFinal, AssistantRestarted, TurnFailed};
use soma_core::conversation::model::{FinishReason, ModelFailure, Usage};
use soma_core::flows::stop::Stop;
use soma_core::ids::TurnId;
use soma_core::ports::{Budget, PortResult};
use soma_core::work::commit::{Commit, CommitOutcome, Fence, TurnProgress};
use soma_core::work::session::TurnState;
use soma_inproc::{Script, ScriptStep};
use soma_tests::platform::{Client, Ports, Unit, asks_for, check, has_tool_results};

use crate::house::Plan;

/// A whole answer that says what it used.
fn using(prompt_tokens: u64, completion_tokens: u64) -> Script {
    let usage = Some(Usage { prompt_tokens, completion_tokens, estimated: false });
    let done = ScriptStep::Done { tool_calls: Vec::new(), finish: FinishReason::Stop, usage };
    Script::new().text("Well.").step(done)
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
    let mut other = Client::new(&house.platform, "other");

    first.ask_and_wait("first").await;
    let ended = other.ask_and_wait("second").await;

    assert_eq!(ended.kind, AssistantFinal);
    check(&house.platform, &other.principal).await;
}

/// A counter that is not what the ledger has: it answers what it made up, until it is refreshed so
/// many times.
struct Behind {
    inner: Arc<dyn Budget>,
    answer: fn(&ReservationRequest) -> Grant,
    refreshes: AtomicUsize,
    asked: AtomicUsize,
}

/// Has lost what it knew.
fn forgetful(request: &ReservationRequest) -> Grant {
    Grant::Granted(request.want)
}

/// Is full of grants whose workers died before they committed them.
fn leaking(_: &ReservationRequest) -> Grant {
    Grant::Refused
}

/// Has room for hardly an answer, because of such grants.
fn nearly_full(request: &ReservationRequest) -> Grant {
    Grant::Granted(request.least)
}

impl Behind {
    /// Has the platform ask a counter that is behind, under a limit of 400.
    fn ask(
        plan: &mut Plan,
        answer: fn(&ReservationRequest) -> Grant,
        refreshes: usize,
    ) -> Arc<Self> {
        plan.settings.turns.budget_limit = Some(400);
        let (inner, asked) = (Arc::clone(&plan.ports.budget), AtomicUsize::new(0));
        let refreshes = AtomicUsize::new(refreshes);
        let behind = Arc::new(Self { inner, answer, refreshes, asked });
        plan.ports.budget = Arc::clone(&behind) as _;
        behind
    }
}

#[async_trait]
impl Budget for Behind {
    async fn reserve(&self, request: &ReservationRequest) -> PortResult<Grant> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.refreshes.load(Ordering::SeqCst) == 0 {
            return self.inner.reserve(request).await;
        }
        Ok((self.answer)(request))
    }

    async fn settle(&self, reservation: &Reservation, used: Tokens) -> PortResult<()> {
        self.inner.settle(reservation, used).await
    }

    async fn refresh(&self, account: &Account, window: BudgetWindow) -> PortResult<()> {
        self.refreshes.update(Ordering::SeqCst, Ordering::SeqCst, |left| left.saturating_sub(1));
        self.inner.refresh(account, window).await
    }
}

#[tokio::test(start_paused = true)]
async fn grant_of_a_counter_that_forgot_is_not_used_beyond_the_limit() {
    let house =
        Plan::new(|_, _| using(300, 60)).with(|plan| drop(Behind::ask(plan, forgetful, 1))).open();
    let mut client = house.client();

    let first = client.ask_and_wait("first").await;
    let second = client.ask_and_wait("second").await;

    assert_eq!(first.kind, AssistantFinal);
    assert_eq!((second.kind, second.reason.as_deref()), (TurnFailed, Some("over_budget")));
    let report = check(&house.platform, &client.principal).await;
    assert_eq!((report.used, house.model.requests().len()), (360, 1));
}

#[tokio::test(start_paused = true)]
async fn counter_that_leaks_costs_no_answer_for_which_the_ledger_has_room() {
    for leak in [leaking, nearly_full] {
        let house =
            Plan::new(|_, _| using(300, 60)).with(|plan| drop(Behind::ask(plan, leak, 1))).open();
        let mut client = house.client();

        let ended = client.ask_and_wait("first").await;

        assert_eq!((ended.kind, ended.reason.as_deref()), (AssistantFinal, None));
        assert_eq!(house.model.requests()[0].max_tokens, 200);
        check(&house.platform, &client.principal).await;
    }
}

#[tokio::test(start_paused = true)]
async fn counter_that_stays_behind_is_not_asked_again_without_pause() {
    let mut plan = Plan::new(|_, _| using(300, 60));
    let counter = Behind::ask(&mut plan, forgetful, 8);
    let house = plan.open();
    let mut client = house.client();
    client.ask_and_wait("first").await;
    let (before, begin) = (counter.asked.load(Ordering::SeqCst), house.platform.stage.clock.now());

    let second = client.ask_and_wait("second").await;

    let asked = counter.asked.load(Ordering::SeqCst) - before;
    let seconds = house.platform.stage.clock.now().since(begin).as_secs();
    assert_eq!((second.kind, second.reason.as_deref()), (TurnFailed, Some("over_budget")));
    assert!((8..=10).contains(&asked) && seconds >= 7, "{asked} times in {seconds} s");
}

/// Sets tokens aside for the fourth call of a turn, and does not say so.
struct Mute {
    inner: Arc<dyn Budget>,
    asked: Stop,
}

#[async_trait]
impl Budget for Mute {
    async fn reserve(&self, request: &ReservationRequest) -> PortResult<Grant> {
        let grant = self.inner.reserve(request).await;
        if request.key.call == 4 && !self.asked.is_set() {
            self.asked.trigger();
            std::future::pending::<()>().await;
        }
        grant
    }

    async fn settle(&self, reservation: &Reservation, used: Tokens) -> PortResult<()> {
        self.inner.settle(reservation, used).await
    }

    async fn refresh(&self, account: &Account, window: BudgetWindow) -> PortResult<()> {
        self.inner.refresh(account, window).await
    }
}

#[tokio::test(start_paused = true)]
async fn tokens_that_a_lost_worker_set_aside_are_settled() {
    let (never, asked) = (Stop::new(), Stop::new());
    let house = Plan::new(move |_, before| {
        let begun = Script::new().text("Ouch ");
        if before < 2 { begun.hold(&never) } else { begun.fail(ModelFailure::Broken) }
    })
    .with(|plan| {
        let (inner, asked) = (Arc::clone(&plan.ports.budget), asked.clone());
        plan.ports.budget = Arc::new(Mute { inner, asked });
    })
    .open();
    let mut client = house.client();
    client.say("Well?").await;
    for restarted in 0..2 {
        client
            .until(|view| view.text == "Ouch " && view.count(AssistantRestarted) == restarted)
            .await;
        house.platform.crash(Unit::Worker).await;
        house.platform.start(Unit::Worker);
    }
    asked.wait().await;

    house.platform.crash(Unit::Worker).await;
    house.platform.start(Unit::Worker);
    client.until_ended(1).await;

    check(&house.platform, &client.principal).await;
}

/// Adds to the record of a turn what cannot have happened: its message was accepted once more.
async fn damage(ports: &Ports, turn_id: TurnId) {
    let record = ports.store.turn(turn_id).await.unwrap().unwrap();
    let accepted = record.inputs[0].clone();
    let mut commit = Commit::new(record.tenant, record.session_id, Fence::Open, accepted.at);
    commit.turn = Some(TurnProgress {
        turn_id,
        from_step: u32::try_from(record.inputs.len()).unwrap(),
        inputs: vec![accepted],
        state: TurnState::Ready,
    });
    let outcome = ports.store.commit(commit).await.unwrap();
    assert!(matches!(outcome, CommitOutcome::Committed(_)), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn turn_whose_record_is_damaged_leaves_nothing_set_aside() {
    let never = Stop::new();
    let house = Plan::new(move |_, _| Script::new().text("Ouch ").hold(&never)).open();
    let mut client = house.client();
    let turn_id = client.say("Well?").await.turn_id;
    client.until(|view| view.text == "Ouch ").await;
    let account = Account { tenant: client.principal.tenant.clone(), persona_id: None };
    let window = BudgetWindow::at(house.platform.stage.clock.now());
    let ledger = &house.platform.truth.usage;
    let before = ledger.balance(&account, window).await.unwrap().spent();

    house.platform.crash(Unit::Worker).await;
    damage(&house.platform.truth, turn_id).await;
    house.platform.start(Unit::Worker);
    client.until_ended(1).await;

    let ended = client.view.ended.values().next().unwrap();
    assert_eq!((ended.kind, ended.reason.as_deref()), (TurnFailed, Some("internal")));
    assert!(before.used == 0 && before.reserved > 0, "{before:?}");
    let after = ledger.balance(&account, window).await.unwrap().spent();
    assert_eq!(after, Spent { used: before.reserved, reserved: 0 });
}
