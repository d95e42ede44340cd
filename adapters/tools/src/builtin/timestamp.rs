//! Tells the time in UTC, in a format of the caller's.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use soma_core::ports::Clock;
use soma_core::ports::tool::{ToolContext, ToolError};

use crate::typed::{Approval, Repetition, TypedTool};

/// The format when none is asked for.
const RFC_3339: &str = "%Y-%m-%dT%H:%M:%SZ";

/// The most bytes a format may have.
const LONGEST_FORMAT: usize = 256;

/// The tool `timestamp`.
#[derive(Clone)]
pub struct CurrentTime {
    clock: Arc<dyn Clock>,
}

soma_core::opaque_debug!(CurrentTime);

/// The arguments of [`CurrentTime`].
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CurrentTimeArgs {
    /// A `strftime` format, such as `%A, %d %B %Y`. Without one: `2025-11-03T12:00:00Z`.
    format: Option<String>,
}

/// The answer of [`CurrentTime`].
#[derive(Debug, Serialize)]
pub struct CurrentTimeOutput {
    message: String,
}

impl CurrentTime {
    /// The tool that tells the time of `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock }
    }
}

#[async_trait]
impl TypedTool for CurrentTime {
    const NAME: &'static str = "timestamp";
    const DESCRIPTION: &'static str = "Tells the date and the time in UTC.";
    const REPETITION: Repetition = Repetition::Harmless;
    const APPROVAL: Approval = Approval::NotNeeded;
    const TIMEOUT: Duration = Duration::from_secs(5);

    type Args = CurrentTimeArgs;
    type Output = CurrentTimeOutput;

    async fn call(
        &self,
        _: &ToolContext,
        args: CurrentTimeArgs,
    ) -> Result<CurrentTimeOutput, ToolError> {
        let format = args.format.as_deref().unwrap_or(RFC_3339);
        if format.len() > LONGEST_FORMAT {
            return Err(ToolError::Tell(format!("a format has at most {LONGEST_FORMAT} bytes")));
        }
        let now = jiff::Timestamp::from_microsecond(self.clock.now().as_micros())
            .map_err(|error| ToolError::Broken(Box::new(error)))?;
        let message = strtime::format(format, &now.to_zoned(TimeZone::UTC)).map_err(|error| {
            ToolError::Tell(format!("the format {format:?} cannot be used: {error}"))
        })?;
        Ok(CurrentTimeOutput { message })
    }
}
