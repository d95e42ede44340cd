//! One turn with one tool round, again and again: at every port call of the whole platform, every
//! kind of fault, and the death of whoever makes the call.
#![expect(clippy::print_stdout, reason = "shown when a case fails: which call it was")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, join_all, select};
use soma_core::conversation::event::EventType::{AssistantFinal, ToolResult};
use soma_core::flows::stop::Stop;
use soma_decorators::{FaultKind, FaultPlan, Hit};
use soma_inproc::{Script, ScriptedTool};
use soma_tests::platform::{
    Cast, Client, Moment, Platform, Ports, Report, Stage, Strike, Tools, Unit, Watch, asks_for,
    check, has_tool_results, repeatable, unrepeatable,
};
use tokio::runtime::Builder;

const ANSWER: &str = "Let me see. Here it is.\n\nSo says the tool, at some length.";

/// How long the model pauses: longer than it takes until leases are renewed and claims kept alive.
const PAUSE: Duration = Duration::from_millis(3_400);

/// Whether a tool may be run again when it is not known what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Again {
    Allowed,
    Forbidden,
}

/// One run of the whole platform.
struct Run {
    stage: Stage,
    ports: Ports,
    model: Arc<Cast>,
    tool: Arc<ScriptedTool>,
    /// Lets the model go on in mid-answer.
    go_on: Stop,
}

/// What came of a run.
struct Outcome {
    report: Report,
    client: Client,
    asked: usize,
    ran: usize,
}

impl Run {
    fn new(again: Again) -> Self {
        let (stage, go_on) = (Stage::new(), Stop::new());
        let held = go_on.clone();
        let model = Cast::new(&stage, move |request, _| {
            if has_tool_results(request) {
                Script::new().text("So says the tool, ").hold(&held).text("at some length.").done()
            } else {
                asks_for("Let me see. Here it is.", &[("tool", r#"{"say":"ho"}"#)])
            }
        });
        let spec = match again {
            Again::Allowed => repeatable("tool"),
            Again::Forbidden => unrepeatable("tool"),
        };
        let tool = Arc::new(ScriptedTool::new(spec, |arguments| Ok(arguments.clone())));
        let ports = stage.ports(model.clone(), Tools::one(tool.clone()));
        Self { stage, ports, model, tool, go_on }
    }

    /// Starts everything, asks, waits in mid-answer until every lease and claim had to be kept
    /// alive, and then until everything is quiet again.
    async fn talk(&self, platform: &Arc<Platform>) -> Outcome {
        for unit in Unit::ALL {
            platform.start(unit);
        }
        let mut client = Client::new(platform, "acme");
        client.say("What does the tool say?").await;
        client.until(|view| view.text.ends_with("So says the tool, ")).await;
        platform.pass(PAUSE).await;
        self.go_on.trigger();
        client.until_ended(1).await;
        let report = check(platform, &client.principal).await;
        let (asked, ran) = (self.model.requests().len(), self.tool.calls().len());
        Outcome { report, client, asked, ran }
    }
}

impl Outcome {
    /// What must hold after every run: the whole answer, once.
    fn is_whole(&self) {
        let ended = self.client.view.ended.values().next().unwrap();
        assert_eq!((ended.kind, ended.text.as_str()), (AssistantFinal, ANSWER));
        assert_eq!((self.report.turns.len(), self.report.replicated), (1, 2));
        assert_eq!(self.client.view.events, self.report.events, "the client saw everything");
    }

    /// What the person is told became of the tool.
    fn status(&self) -> &str {
        let results = self.report.events.iter().filter(|event| event.kind == ToolResult);
        let statuses: Vec<_> =
            results.filter_map(|event| event.metadata["status"].as_str()).collect();
        let [status] = statuses[..] else { panic!("one result of one call: {statuses:?}") };
        status
    }
}

/// Runs `case` for 1, 2, 3 … until it says that nothing happened. Returns how often something did.
fn for_each<T>(case: impl Fn(u64) -> Option<T>) -> u64 {
    let mut nth = 1;
    loop {
        let outcome = catch_unwind(AssertUnwindSafe(|| case(nth)));
        assert!(outcome.is_ok(), "it was at call {nth}");
        match outcome.ok().flatten() {
            Some(_) => nth += 1,
            None => return nth - 1,
        }
    }
}

/// Runs in a world of its own.
pub(crate) fn in_virtual_time<T>(future: impl Future<Output = T>) -> T {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(future)
}

async fn with_fault(nth: u64, kind: FaultKind, again: Again) -> Option<Hit> {
    let run = Run::new(again);
    let plan = FaultPlan::new(Arc::clone(&run.stage.timer));
    plan.arm(nth, kind);
    let ports = run.ports.clone().decorated(|| Arc::clone(&plan));
    let platform = Arc::new(Platform::new(run.stage.clone(), run.ports.clone(), ports));

    let outcome = run.talk(&platform).await;

    let stopping = Unit::ALL.map(|unit| platform.stop(unit));
    join_all(stopping).await;

    let hit = plan.hits().first().copied()?;
    println!("{hit:?}");
    outcome.is_whole();
    assert_eq!((outcome.ran, outcome.status()), (1, "success"), "the tool ran once");
    let twice =
        hit.point.port() == "Model" && matches!(kind, FaultKind::LoseReply | FaultKind::Duplicate);
    assert_eq!(outcome.asked, 2 + usize::from(twice), "the model was asked once per round");
    Some(hit)
}

async fn with_death(nth: u64, moment: Moment, again: Again) -> Option<Strike> {
    let run = Run::new(again);
    let watch = Watch::striking(nth, moment);
    let platform = Platform::new(run.stage.clone(), run.ports.clone(), run.ports.clone());
    let platform = Arc::new(platform.watched_by(&watch));

    let talk = pin!(run.talk(&platform));
    let outcome = match select(talk, pin!(platform.revive(&watch))).await {
        Either::Left((outcome, _)) => outcome,
        Either::Right(((), talk)) => talk.await,
    };

    let strike = watch.strike()?;
    println!("{strike:?}");
    outcome.is_whole();
    let lost = usize::from(strike.unit == Unit::Worker);
    assert!((2..=2 + lost).contains(&outcome.asked), "asked {} times", outcome.asked);
    let executor = strike.unit == Unit::Executor;
    match (again, outcome.status()) {
        (Again::Allowed, status) => {
            assert!(outcome.ran == 1 || (outcome.ran == 2 && executor), "ran {}", outcome.ran);
            assert_eq!(status, "success");
        }
        (Again::Forbidden, "success") => assert_eq!(outcome.ran, 1),
        (Again::Forbidden, status) => {
            assert_eq!((status, executor), ("outcome_unknown", true));
            assert!(outcome.ran <= 1, "a tool that may not run twice ran {}", outcome.ran);
        }
    }
    Some(strike)
}

fn faults(kind: FaultKind) {
    let cases = for_each(|nth| in_virtual_time(with_fault(nth, kind, Again::Forbidden)));
    assert!(cases > 100, "{cases} calls are too few to be the whole platform's");
}

fn deaths(moment: Moment, again: Again) {
    let cases = for_each(|nth| in_virtual_time(with_death(nth, moment, again)));
    assert!(cases > 100, "{cases} calls are too few to be the whole platform's");
}

#[test]
fn call_that_is_lost_is_made_again() {
    faults(FaultKind::LoseRequest);
}

#[test]
fn call_that_is_refused_loses_nothing() {
    faults(FaultKind::Refuse);
}

#[test]
fn call_whose_reply_is_lost_doubles_nothing() {
    faults(FaultKind::LoseReply);
}

#[test]
fn call_that_is_late_changes_nothing() {
    faults(FaultKind::Delay);
}

#[test]
fn call_that_is_made_twice_doubles_nothing() {
    faults(FaultKind::Duplicate);
}

#[test]
fn call_that_is_overtaken_changes_nothing() {
    faults(FaultKind::Reorder);
}

#[test]
fn service_that_dies_before_a_call_loses_nothing() {
    deaths(Moment::Before, Again::Allowed);
}

#[test]
fn service_that_dies_after_a_call_doubles_nothing() {
    deaths(Moment::After, Again::Allowed);
}

#[test]
fn executor_that_dies_before_a_call_runs_no_tool_twice_that_may_not() {
    deaths(Moment::Before, Again::Forbidden);
}

#[test]
fn executor_that_dies_after_a_call_runs_no_tool_twice_that_may_not() {
    deaths(Moment::After, Again::Forbidden);
}
