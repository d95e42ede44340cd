//! The suite of [`Tool`].

use std::sync::Arc;

use futures_util::{pin_mut, poll};
use serde_json::{Value, json};

use super::Fixture;
use crate::ports::Tool;
use crate::ports::tool::{ToolContext, ToolError};

super::suite! { tool:
    name_is_one_that_models_accept,
    parameters_are_a_schema_of_an_object,
    description_says_something,
    arguments_that_fit_are_answered,
    arguments_that_do_not_fit_are_told,
    arguments_of_another_type_are_never_a_panic,
    dropping_the_future_ends_the_call,
}

/// What the suite tests: one tool, and what fits it.
pub struct ToolUnderTest {
    /// The tool.
    pub tool: Arc<dyn Tool>,
    /// For whom it runs.
    pub context: ToolContext,
    /// Arguments that fit.
    pub fits: Value,
    /// Arguments that do not fit, by the tool's own schema.
    pub misfits: Vec<Value>,
    /// How many calls are under way: whatever a call holds or started counts until it is gone.
    pub under_way: Arc<dyn Fn() -> usize + Send + Sync>,
}

crate::opaque_debug!(ToolUnderTest);

/// The name matches `^[a-z][a-z0-9_]{0,63}$`.
pub async fn name_is_one_that_models_accept<F>(fixture: F)
where
    F: Fixture<Port = ToolUnderTest>,
{
    let name = fixture.open().await.tool.spec().name;

    assert!(name.starts_with(|first: char| first.is_ascii_lowercase()), "{name}");
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    assert!(name.len() <= 64 && name.chars().all(fits), "{name}");
}

/// The parameters are a JSON Schema of an object.
pub async fn parameters_are_a_schema_of_an_object<F>(fixture: F)
where
    F: Fixture<Port = ToolUnderTest>,
{
    let parameters = fixture.open().await.tool.spec().parameters;

    assert_eq!(parameters["type"], "object", "{parameters}");
}

/// A model is told what the tool does, and its calls are bounded.
pub async fn description_says_something<F>(fixture: F)
where
    F: Fixture<Port = ToolUnderTest>,
{
    let spec = fixture.open().await.tool.spec();

    assert!(!spec.description.trim().is_empty(), "{spec:?}");
    assert!(spec.timeout_seconds > 0, "{spec:?}");
}

/// A call with arguments that fit has an answer.
pub async fn arguments_that_fit_are_answered<F>(fixture: F)
where
    F: Fixture<Port = ToolUnderTest>,
{
    let ToolUnderTest { tool, context, fits, .. } = fixture.open().await;

    let answer = tool.call(&context, fits).await;

    assert!(answer.is_ok(), "{answer:?}");
}

/// Arguments that do not fit are told to whoever wrote them.
pub async fn arguments_that_do_not_fit_are_told<F>(fixture: F)
where
    F: Fixture<Port = ToolUnderTest>,
{
    let ToolUnderTest { tool, context, misfits, .. } = fixture.open().await;

    for arguments in misfits {
        let answer = tool.call(&context, arguments.clone()).await;

        assert!(matches!(&answer, Err(ToolError::Tell(text)) if !text.is_empty()), "{arguments}");
    }
}

/// Arguments that are not even an object are told, never a panic.
pub async fn arguments_of_another_type_are_never_a_panic<F>(fixture: F)
where
    F: Fixture<Port = ToolUnderTest>,
{
    let ToolUnderTest { tool, context, .. } = fixture.open().await;

    for arguments in [json!("text"), json!(7), json!([[]]), json!(true)] {
        let answer = tool.call(&context, arguments.clone()).await;

        assert!(matches!(answer, Err(ToolError::Tell(_))), "{arguments}");
    }
}

/// A call whose future was dropped leaves nothing behind.
pub async fn dropping_the_future_ends_the_call<F>(fixture: F)
where
    F: Fixture<Port = ToolUnderTest>,
{
    let ToolUnderTest { tool, context, fits, under_way, .. } = fixture.open().await;

    {
        let call = tool.call(&context, fits);
        pin_mut!(call);
        let _ = poll!(&mut call);
    }

    assert_eq!(under_way(), 0);
}
