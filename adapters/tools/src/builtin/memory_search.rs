//! Searches what the tenant said before, in any conversation.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use soma_core::conversation::event::Role;
use soma_core::ids::SessionId;
use soma_core::memory::{MemoryHit, RecallQuery};
use soma_core::ports::Memory;
use soma_core::ports::tool::{ToolContext, ToolError};
use soma_core::time::Timestamp;

use crate::typed::{Approval, Repetition, TypedTool};

/// How many hits there are when no limit is asked for.
const DEFAULT_LIMIT: u8 = 5;

/// The most hits that may be asked for.
const MOST: u8 = 20;

/// The tool `memory_search`.
#[derive(Clone)]
pub struct MemorySearch {
    memory: Arc<dyn Memory>,
}

soma_core::opaque_debug!(MemorySearch);

/// The arguments of [`MemorySearch`].
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemorySearchArgs {
    /// What to look for, in words. An empty text finds the newest memories.
    query: String,
    /// At most this many memories.
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = 20))]
    limit: u8,
}

/// The answer of [`MemorySearch`].
#[derive(Debug, Serialize)]
pub struct MemorySearchOutput {
    hits: Vec<Hit>,
}

/// A memory, as far as it is of use to a model.
#[derive(Debug, Serialize)]
struct Hit {
    text: String,
    role: Role,
    session_id: SessionId,
    at: Timestamp,
    score: f64,
}

impl MemorySearch {
    /// The tool that searches `memory`.
    pub fn new(memory: Arc<dyn Memory>) -> Self {
        Self { memory }
    }
}

#[async_trait]
impl TypedTool for MemorySearch {
    const NAME: &'static str = "memory_search";
    const DESCRIPTION: &'static str =
        "Searches what was said before, in this and in earlier conversations, by words.";
    const REPETITION: Repetition = Repetition::Harmless;
    const APPROVAL: Approval = Approval::NotNeeded;
    const TIMEOUT: Duration = Duration::from_secs(10);

    type Args = MemorySearchArgs;
    type Output = MemorySearchOutput;

    async fn call(
        &self,
        context: &ToolContext,
        args: MemorySearchArgs,
    ) -> Result<MemorySearchOutput, ToolError> {
        if !(1..=MOST).contains(&args.limit) {
            return Err(ToolError::Tell(format!("the limit must be from 1 to {MOST}")));
        }
        let query = RecallQuery {
            tenant: context.tenant.clone(),
            session_id: Some(context.session_id),
            text: args.query,
            limit: args.limit.into(),
            except: Vec::new(),
        };
        let hits = self.memory.recall(&query).await;
        let hits = hits.map_err(|error| ToolError::Broken(Box::new(error)))?;
        Ok(MemorySearchOutput { hits: hits.into_iter().map(Hit::from).collect() })
    }
}

const fn default_limit() -> u8 {
    DEFAULT_LIMIT
}

impl From<MemoryHit> for Hit {
    fn from(hit: MemoryHit) -> Self {
        let MemoryHit { text, role, session_id, at, score, .. } = hit;
        Self { text, role, session_id, at, score }
    }
}
