//! A tool with its types, and the same tool with its types erased.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use soma_core::ports::Tool;
use soma_core::ports::tool::{ToolContext, ToolError};
use soma_core::tool::ToolSpec;

/// What running a tool twice does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repetition {
    /// No more than running it once: after a crash it is run again.
    Harmless,
    /// Possibly its effect a second time: after a crash its outcome is unknown.
    Harmful,
}

/// Whether a person must agree to each call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Approval {
    /// Nobody is asked.
    NotNeeded,
    /// A person is asked each time.
    Needed,
}

/// One tool. To add one, implement this and name it in [`registry`](crate::registry).
#[async_trait]
pub trait TypedTool: Send + Sync + 'static {
    /// `[a-z][a-z0-9_]*`, at most 64 characters.
    const NAME: &'static str;
    /// What it does, for a model and for people.
    const DESCRIPTION: &'static str;
    /// What running it twice does.
    const REPETITION: Repetition;
    /// Whether a person must agree to each call.
    const APPROVAL: Approval;
    /// How long one call may take, in whole seconds.
    const TIMEOUT: Duration;

    /// Its arguments: a struct that refuses unknown fields (`#[serde(deny_unknown_fields)]`).
    type Args: DeserializeOwned + JsonSchema + Send;
    /// Its answer: a struct.
    type Output: Serialize;

    /// Runs it once. Dropping the future ends the call.
    async fn call(
        &self,
        context: &ToolContext,
        args: Self::Args,
    ) -> Result<Self::Output, ToolError>;
}

/// A [`TypedTool`] with its types erased.
pub(crate) struct Erased<T> {
    tool: T,
    spec: ToolSpec,
}

impl<T: TypedTool> Erased<T> {
    pub(crate) fn new(tool: T) -> Self {
        let spec = ToolSpec {
            name: T::NAME.into(),
            description: T::DESCRIPTION.into(),
            parameters: schema::<T::Args>(),
            idempotent: T::REPETITION == Repetition::Harmless,
            needs_approval: T::APPROVAL == Approval::Needed,
            timeout_seconds: T::TIMEOUT.as_secs(),
        };
        Self { tool, spec }
    }
}

#[async_trait]
impl<T: TypedTool> Tool for Erased<T> {
    fn spec(&self) -> ToolSpec {
        self.spec.clone()
    }

    async fn call(&self, context: &ToolContext, arguments: Value) -> Result<Value, ToolError> {
        let arguments = match arguments {
            Value::Object(_) => arguments,
            // Models write `null` for "no arguments".
            Value::Null => Value::Object(Map::new()),
            // Decoding would take an array for the fields in their order.
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                return Err(misfit("they are not a JSON object"));
            }
        };
        let args = serde_json::from_value(arguments).map_err(misfit)?;
        let output = self.tool.call(context, args).await?;
        serde_json::to_value(output).map_err(|error| ToolError::Broken(Box::new(error)))
    }
}

fn misfit(why: impl fmt::Display) -> ToolError {
    ToolError::Tell(format!("the arguments do not fit: {why}"))
}

/// The JSON Schema of `T`, in one piece: some model servers follow no references.
fn schema<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.meta_schema = None;
        settings.inline_subschemas = true;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    schema.remove("title");
    // The doc comment of a Rust type; the tool has its own description.
    schema.remove("description");
    schema.to_value()
}
