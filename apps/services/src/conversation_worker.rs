//! The conversation worker: makes turns of messages, and answers of turns.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::join3;
use soma_core::flows::answer_message::{AnswerMessage, AnswerPorts};
use soma_core::flows::claims::Claims;
use soma_core::flows::consume::Consume;
use soma_core::flows::ingest_work::IngestWork;
use soma_core::flows::service::Service;
use soma_core::flows::stop::Stop;
use soma_core::outbox::topic::Topic;
use soma_core::work::commit::WorkKind;

use crate::composition::Composition;
use crate::ports::Ports;
use crate::unit::Unit;

/// The conversation worker.
pub struct ConversationWorker {
    messages: Consume,
    results: Consume,
    turns: Claims,
}

impl ConversationWorker {
    /// Builds the service.
    pub fn new(composition: &Composition) -> Self {
        let Composition { ports, settings, world } = composition;
        let work = || Arc::clone(&ports.work);
        let consume = |topic| {
            let ingest = Arc::new(IngestWork::new(work(), topic, world.clone()));
            ports.consume(topic, Unit::Worker, ingest, world)
        };
        let answer = Arc::new(answer_message(composition));
        let (kind, capacity) = (WorkKind::Turns, settings.capacity);
        Self {
            messages: consume(Topic::ConversationInbound),
            results: consume(Topic::ToolResults),
            turns: Claims::new(work(), answer, kind, capacity, world.clone()),
        }
    }
}

fn answer_message(composition: &Composition) -> AnswerMessage {
    let Composition { ports, settings, world } = composition;
    let Ports { store, log, policy, budget, memory, model, tools, .. } = ports.clone();
    let ports = AnswerPorts { store, log, policy, budget, memory, model, tools };
    AnswerMessage::new(ports, settings.turns.clone(), world.clone())
}

#[async_trait]
impl Service for ConversationWorker {
    fn name(&self) -> &'static str {
        Unit::Worker.name()
    }

    async fn run(&self, stop: &Stop) {
        join3(self.messages.run(stop), self.results.run(stop), self.turns.run(stop)).await;
    }
}

soma_core::opaque_debug!(ConversationWorker);
