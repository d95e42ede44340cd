//! Says back what it was told: the simplest tool there is, to try the path of a call.

use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use soma_core::ports::tool::{ToolContext, ToolError};

use crate::typed::{Approval, Repetition, TypedTool};

/// The tool `echo`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Echo;

/// The arguments of [`Echo`].
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EchoArgs {
    /// The text to say back.
    text: String,
}

/// The answer of [`Echo`].
#[derive(Debug, Serialize)]
pub struct EchoOutput {
    message: String,
}

#[async_trait]
impl TypedTool for Echo {
    const NAME: &'static str = "echo";
    const DESCRIPTION: &'static str = "Says back the text it is given.";
    const REPETITION: Repetition = Repetition::Harmless;
    const APPROVAL: Approval = Approval::NotNeeded;
    const TIMEOUT: Duration = Duration::from_secs(5);

    type Args = EchoArgs;
    type Output = EchoOutput;

    async fn call(&self, _: &ToolContext, args: EchoArgs) -> Result<EchoOutput, ToolError> {
        Ok(EchoOutput { message: args.text })
    }
}
