//! The conversation worker: makes turns of messages, and answers of turns.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::join3;
use soma_core::flows::answer_message::AnswerMessage;
use soma_core::flows::claims::{Capacity, Claims};
use soma_core::flows::consume::Consume;
use soma_core::flows::ingest_work::IngestWork;
use soma_core::flows::service::Service;
use soma_core::flows::stop::Stop;
use soma_core::flows::world::World;
use soma_core::outbox::topic::Topic;
use soma_core::ports::{Leases, Log, Work};
use soma_core::work::commit::WorkKind;

/// The service's name and consumer group.
pub const NAME: &str = "conversation-worker";

/// The conversation worker.
pub struct ConversationWorker {
    messages: Consume,
    results: Consume,
    turns: Claims,
}

impl ConversationWorker {
    /// Puts the service together.
    pub fn new(
        log: Arc<dyn Log>,
        leases: Arc<dyn Leases>,
        work: Arc<dyn Work>,
        (answer, capacity): (AnswerMessage, Capacity),
        world: World,
    ) -> Self {
        let ingest = |topic| Arc::new(IngestWork::new(Arc::clone(&work), topic, world.clone()));
        let (inbound, outcomes) = (Topic::ConversationInbound, Topic::ToolResults);
        let messages = Consume::new(
            Arc::clone(&log),
            Arc::clone(&leases),
            (inbound, NAME),
            ingest(inbound),
            world.clone(),
        );
        let results = Consume::new(log, leases, (outcomes, NAME), ingest(outcomes), world.clone());
        let turns = Claims::new(work, Arc::new(answer), WorkKind::Turns, capacity, world);
        Self { messages, results, turns }
    }
}

#[async_trait]
impl Service for ConversationWorker {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn run(&self, stop: &Stop) {
        join3(self.messages.run(stop), self.results.run(stop), self.turns.run(stop)).await;
    }
}

soma_core::opaque_debug!(ConversationWorker);
