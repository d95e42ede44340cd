//! A log that loses what it was given: the store has it still.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use soma_core::conversation::event::EventType::AssistantFinal;
use soma_core::outbox::message::Record;
use soma_core::outbox::partition::Partition;
use soma_core::outbox::topic::Topic;
use soma_core::ports::log::{Bounds, Fetched};
use soma_core::ports::{Log, PortResult};
use soma_tests::platform::check;

use crate::house::Plan;

/// A log that says it keeps what it is given, and does not keep the first of some topics.
struct Lossy {
    inner: Arc<dyn Log>,
    loses: Mutex<BTreeSet<Topic>>,
}

#[async_trait]
impl Log for Lossy {
    fn partitions(&self, topic: Topic) -> u32 {
        self.inner.partitions(topic)
    }

    async fn publish(
        &self,
        topic: Topic,
        partition: Partition,
        records: Vec<Record>,
    ) -> PortResult<u64> {
        let lost = self.loses.lock().unwrap().remove(&topic);
        let kept = if lost { Vec::new() } else { records };
        self.inner.publish(topic, partition, kept).await
    }

    async fn fetch(
        &self,
        topic: Topic,
        partition: Partition,
        offset: u64,
        max_bytes: usize,
        wait: Duration,
    ) -> PortResult<Fetched> {
        self.inner.fetch(topic, partition, offset, max_bytes, wait).await
    }

    async fn bounds(&self, topic: Topic, partition: Partition) -> PortResult<Bounds> {
        self.inner.bounds(topic, partition).await
    }
}

#[tokio::test(start_paused = true)]
async fn message_whose_records_the_log_loses_is_answered_all_the_same() {
    let topics = [Topic::ConversationInbound, Topic::ToolRequests, Topic::ToolResults];
    let loses = topics.iter().map(|topic| BTreeSet::from([*topic]));
    for loses in loses.chain([BTreeSet::from(topics)]) {
        let losses = u32::try_from(loses.len()).unwrap();
        let house = Plan::asking_for("echo")
            .with(|plan| {
                let inner = Arc::clone(&plan.ports.log);
                plan.ports.log = Arc::new(Lossy { inner, loses: Mutex::new(loses) });
            })
            .open();
        let mut client = house.client();
        let clock = &house.platform.stage.clock;
        let begun = clock.now();

        let ended = client.ask_and_wait("Use the tool.").await;

        let took = clock.now().since(begun);
        assert_eq!((ended.kind, house.echo.calls().len()), (AssistantFinal, 1));
        assert!(
            took > Duration::from_secs(60) * losses,
            "a log that is slow is waited for: {took:?}"
        );
        assert!(took <= Duration::from_secs(91) * losses, "{took:?}");
        check(&house.platform, &client.principal).await;
    }
}
