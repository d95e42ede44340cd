//! Answers a message: drives a turn from where its record ends to its terminal event, or to the
//! tools it waits for.

mod commit;
mod context;
mod dead_letter;
mod deltas;
mod drive;
mod generate;
mod histories;
mod perform;

use std::sync::Arc;

use async_trait::async_trait;
use tracing::Instrument;

use super::claims::{Handle, Handled, Told};
use super::world::World;
use crate::ports::work::Claim;
use crate::ports::{Budget, Log, Memory, Model, Policy, PortResult, Store, Toolbox};
use crate::spans;
use crate::turn::config::TurnConfig;
use drive::{Drive, Taken};
use histories::Histories;

/// The ports that answering needs.
#[derive(Clone)]
pub struct AnswerPorts {
    /// The truth.
    pub store: Arc<dyn Store>,
    /// Carries deltas.
    pub log: Arc<dyn Log>,
    /// Decides.
    pub policy: Arc<dyn Policy>,
    /// Counts tokens.
    pub budget: Arc<dyn Budget>,
    /// Recalls.
    pub memory: Arc<dyn Memory>,
    /// Answers.
    pub model: Arc<dyn Model>,
    /// What the model may ask for.
    pub tools: Arc<dyn Toolbox>,
}

crate::opaque_debug!(AnswerPorts);

/// Answers messages.
#[derive(Clone, Debug)]
pub struct AnswerMessage {
    ports: AnswerPorts,
    config: TurnConfig,
    world: World,
    histories: Arc<Histories>,
}

impl AnswerMessage {
    /// Builds the use case. `config` holds for turns that begin from now on. Models are offered
    /// the tools that [may run](crate::tool::ToolSpec::may_run).
    pub fn new(ports: AnswerPorts, config: TurnConfig, world: World) -> Self {
        Self { ports, config, world, histories: Arc::default() }
    }
}

#[async_trait]
impl Handle for AnswerMessage {
    async fn handle(&self, claim: &Claim, told: &Told) -> PortResult<Handled> {
        let Some(turn_id) = claim.turn_id else { return Ok(Handled::default()) };
        match Drive::load(self, claim, turn_id, &told.of(turn_id)).await? {
            Taken::Up(drive) => {
                let trace = drive.turn.accepted().and_then(|accepted| accepted.trace.as_ref());
                let span = spans::turn(claim.session_id, turn_id, trace);
                drive.run().instrument(span).await
            }
            Taken::Off(handled) => Ok(handled),
        }
    }
}
