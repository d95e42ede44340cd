//! The suite of [`Toolbox`]. Which tools there are is the adapter's: its fixture names calls of them.
#![expect(missing_docs, reason = "the name of a case is its sentence")]

use std::sync::Arc;

use futures_util::future::{Either, select};
use futures_util::poll;
use uuid::Uuid;

use super::{Fixture, at_once, vacuous};
use crate::ids::CallId;
use crate::ports::Toolbox;
use crate::ports::tool::ToolContext;
use crate::tool::{ToolCall, ToolOutcome, ToolStatus};

super::suite! { toolbox:
    specs_are_each_once_and_in_the_order_of_their_names,
    call_of_a_tool_is_answered,
    whatever_is_asked_for_has_an_outcome_of_its_own,
    tool_that_is_not_the_tenants_is_as_unknown_as_one_that_does_not_exist,
    calls_at_the_same_time_get_their_own_outcomes,
    call_that_takes_long_keeps_no_other_waiting,
    dropping_the_future_ends_the_call,
}

/// What the suite tests: a toolbox, and calls of its tools.
pub struct ToolboxUnderTest {
    /// The toolbox.
    pub toolbox: Arc<dyn Toolbox>,
    /// For whom calls run.
    pub context: ToolContext,
    /// A call that is answered.
    pub answered: ToolCall,
    /// Calls that cannot be answered: what breaks, takes too long, or does not fit.
    pub failing: Vec<ToolCall>,
    /// A call of a tool that only another tenant has; none if every tenant has every tool: then there
    /// is nothing to test about that.
    pub foreign: Option<ToolCall>,
    /// A call that does not end by itself for as long as a test takes.
    pub endless: ToolCall,
    /// How many such calls are under way.
    pub under_way: Arc<dyn Fn() -> usize + Send + Sync>,
}

crate::opaque_debug!(ToolboxUnderTest);

impl ToolboxUnderTest {
    async fn run(&self, call: &ToolCall) -> ToolOutcome {
        let outcome = self.toolbox.run(&self.context, call).await;
        assert_eq!(outcome.call_id, call.call_id, "it is of another call");
        outcome
    }

    /// The call that is answered, under another id.
    fn numbered(&self, number: u128) -> ToolCall {
        ToolCall { call_id: CallId::from_uuid(Uuid::from_u128(number)), ..self.answered.clone() }
    }

    fn unknown(&self) -> ToolCall {
        ToolCall { tool_name: "no_such_tool".into(), ..self.answered.clone() }
    }
}

fn vacuous_here<F: Fixture>(_fixture: &F) {
    vacuous::<F>("every tenant has every tool");
}

pub async fn specs_are_each_once_and_in_the_order_of_their_names(
    fixture: impl Fixture<Port = ToolboxUnderTest>,
) {
    let under_test = fixture.open().await;
    let tenant = &under_test.context.tenant;

    let specs = under_test.toolbox.specs(tenant).await.unwrap();

    let names: Vec<_> = specs.iter().map(|spec| spec.name.as_str()).collect();
    assert!(names.is_sorted_by(|one, other| one < other), "{names:?}");
    assert!(names.contains(&under_test.answered.tool_name.as_str()), "{names:?}");
    let all = under_test.toolbox.names();
    assert!(names.iter().all(|name| all.iter().any(|known| known == name)), "{all:?}");
}

pub async fn call_of_a_tool_is_answered(fixture: impl Fixture<Port = ToolboxUnderTest>) {
    let under_test = fixture.open().await;

    let outcome = under_test.run(&under_test.answered).await;

    assert_eq!(outcome.status, ToolStatus::Success, "{outcome:?}");
}

pub async fn whatever_is_asked_for_has_an_outcome_of_its_own(
    fixture: impl Fixture<Port = ToolboxUnderTest>,
) {
    let under_test = fixture.open().await;
    let of =
        |arguments: &str| ToolCall { arguments: arguments.into(), ..under_test.answered.clone() };
    let deep = "[".repeat(10_000);
    let strange = ["{", "[]", "7", "\u{0}", &deep].map(of);

    let calls = strange.iter().chain(&under_test.failing);
    for call in calls.chain([&under_test.unknown()]) {
        let outcome = under_test.run(call).await;

        assert_ne!(outcome.status, ToolStatus::Success, "{call:?}");
        let message = outcome.payload["message"].as_str().unwrap();
        assert!(!message.is_empty(), "{call:?}");
    }
}

pub async fn tool_that_is_not_the_tenants_is_as_unknown_as_one_that_does_not_exist(
    fixture: impl Fixture<Port = ToolboxUnderTest>,
) {
    let under_test = fixture.open().await;
    let Some(foreign) = &under_test.foreign else {
        return vacuous_here(&fixture);
    };
    let specs = under_test.toolbox.specs(&under_test.context.tenant).await.unwrap();

    let outcome = under_test.run(foreign).await;
    let unknown = under_test.run(&under_test.unknown()).await;

    assert!(specs.iter().all(|spec| spec.name != foreign.tool_name), "{specs:?}");
    let told = |outcome: &ToolOutcome, name: &str| {
        (outcome.status, outcome.payload.to_string().replace(name, "it"))
    };
    assert_eq!(told(&outcome, &foreign.tool_name), told(&unknown, "no_such_tool"));
}

pub async fn calls_at_the_same_time_get_their_own_outcomes(
    fixture: impl Fixture<Port = ToolboxUnderTest>,
) {
    let under_test = fixture.open().await;
    let calls: Vec<_> = (1..=64).map(|number| under_test.numbered(number)).collect();

    let outcomes = at_once(&fixture, calls.iter().map(|call| under_test.run(call))).await;

    assert!(outcomes.iter().all(|outcome| outcome.status == ToolStatus::Success), "{outcomes:?}");
}

pub async fn call_that_takes_long_keeps_no_other_waiting(
    fixture: impl Fixture<Port = ToolboxUnderTest>,
) {
    let under_test = fixture.open().await;
    let endless = std::pin::pin!(under_test.run(&under_test.endless));
    let answered = std::pin::pin!(under_test.run(&under_test.answered));

    let first = select(endless, answered).await;

    assert!(matches!(first, Either::Right(_)), "the endless call ended");
}

pub async fn dropping_the_future_ends_the_call(fixture: impl Fixture<Port = ToolboxUnderTest>) {
    let under_test = fixture.open().await;

    let during = {
        let mut call = std::pin::pin!(under_test.run(&under_test.endless));
        let _pending = poll!(&mut call);
        (under_test.under_way)()
    };

    assert_eq!((during, (under_test.under_way)()), (1, 0));
}
