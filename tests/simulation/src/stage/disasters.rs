//! What befalls the world: its ports go down, its log loses records, its counters are flushed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use soma_core::flows::stop::Stop;
use soma_core::flows::world::World;
use soma_core::outbox::message::Record;
use soma_core::outbox::topic::Topic;
use soma_core::ports::Log;
use soma_inproc::{InprocBudget, InprocLog};
use soma_simulated::{Chance, Nature, Outage, SimulatedLog};

use super::plan::{Disaster, Plan};
use crate::audit::{Audit, AuditedLog};

/// The ports that are one database.
const LEDGER: [&str; 6] = ["Store", "Work", "Leases", "Outbox", "MemoryQueue", "Replica"];

/// The topics that somebody reads: what is lost of others, nobody misses.
const READ: [Topic; 5] = [
    Topic::ConversationInbound,
    Topic::ConversationOutbound,
    Topic::ToolRequests,
    Topic::ToolResults,
    Topic::MemoryWal,
];

/// What befalls the world.
pub(super) struct Disasters {
    pub(super) nature: Nature,
    pub(super) world: World,
    pub(super) chance: Chance,
    pub(super) plan: Plan,
    pub(super) calm: Stop,
    pub(super) log: Arc<SimulatedLog<dyn Log>>,
    pub(super) records: Arc<InprocLog>,
    /// The same, seen by the auditor.
    pub(super) publishes: Arc<AuditedLog<InprocLog>>,
    pub(super) budget: Arc<InprocBudget>,
    /// Whether the memory lies.
    pub(super) lies: Arc<AtomicBool>,
    pub(super) audit: Arc<Audit>,
}

impl Disasters {
    /// One after the other, until it is calm.
    pub(super) async fn unfold(mut self) {
        let on: Vec<Disaster> = Disaster::ALL
            .into_iter()
            .zip(self.plan.disasters_on)
            .filter_map(|(disaster, on)| on.then_some(disaster))
            .collect();
        let Some(mean) = self.plan.disasters.filter(|_| !on.is_empty()) else { return };
        while !self.calm.is_set() {
            let span = self.chance.span(Duration::ZERO, mean * 2);
            self.world.pause(span, &self.calm).await;
            let disaster = *self.chance.pick(&on);
            let span = self.chance.span(Duration::from_millis(50), mean * 2);
            if !self.calm.is_set() && self.nature.strikes(disaster.name()) {
                self.befall(disaster, span);
            }
        }
        self.log.calm();
        self.lies.store(false, Ordering::Relaxed);
    }

    fn befall(&mut self, disaster: Disaster, span: Duration) {
        let down = |ports: &[&'static str], outage| {
            for port in ports {
                self.nature.down(port, outage, span);
            }
        };
        match disaster {
            Disaster::StoreFailsOver => down(&LEDGER, Outage::Refusing),
            Disaster::StoreHangs => down(&LEDGER, Outage::Hanging),
            Disaster::LogIsDown => down(&["Log"], Outage::Refusing),
            Disaster::PolicyIsDown => down(&["Policy"], Outage::Refusing),
            Disaster::ModelIsDown => down(&["Model"], Outage::Refusing),
            Disaster::MemoryIsDown => down(&["Memory"], Outage::Refusing),
            Disaster::MemoryHangs => down(&["Memory"], Outage::Hanging),
            Disaster::LimitsAreDown => down(&["RateLimit"], Outage::Refusing),
            Disaster::CountersAreFlushed => self.budget.flush(),
            Disaster::MemoryLies => {
                let lies = self.lies.load(Ordering::Relaxed);
                self.lies.store(!lies, Ordering::Relaxed);
            }
            Disaster::PartitionStalls => {
                let (topic, partition) = self.place();
                self.log.stall(topic, partition, span);
            }
            Disaster::RetentionPasses | Disaster::TailIsLost => self.lose(disaster),
            Disaster::GarbageIsPublished => self.publish_garbage(),
        }
    }

    fn place(&mut self) -> (Topic, u32) {
        let shown = Topic::ConversationOutbound;
        let topic = if self.plan.is_fair { shown } else { *self.chance.pick(&READ) };
        (topic, u32::try_from(self.chance.below(u64::from(self.plan.partitions))).unwrap_or(0))
    }

    /// A record comes that nobody can read: it is not JSON, or not what is expected.
    fn publish_garbage(&mut self) {
        use futures_util::FutureExt;

        let (topic, partition) = self.place();
        let value = *self.chance.pick(&["", "{", "null", "{}", "[1]", "\"\u{0}\""]);
        let record = Record {
            key: "garbage".into(),
            value: value.as_bytes().to_vec().into(),
            headers: BTreeMap::new(),
            at: self.world.clock.now(),
        };
        let done = self.publishes.publish(topic, partition, vec![record]).now_or_never();
        debug_assert!(matches!(done, Some(Ok(_))), "the partition is there");
    }

    /// Records are lost, from the head of a partition or from its tail.
    fn lose(&mut self, disaster: Disaster) {
        use futures_util::FutureExt;

        let (topic, partition) = self.place();
        let Some(Ok(bounds)) = self.records.bounds(topic, partition).now_or_never() else { return };
        let kept = bounds.next - bounds.earliest;
        let few = 1 + self.chance.below(kept.min(4));
        if kept < few {
            return;
        }
        let done = if disaster == Disaster::TailIsLost {
            self.audit.excuse_lateness();
            let next = bounds.next - few;
            self.audit.log_lost(topic, partition, next);
            self.log.lose_broker(topic, partition);
            self.records.truncate(topic, partition, next).map(drop)
        } else {
            self.audit.log_lost(topic, partition, bounds.next);
            self.audit.log_dropped(topic, partition, bounds.earliest + few);
            self.records.drop_before(topic, partition, bounds.earliest + few)
        };
        debug_assert!(done.is_ok(), "the partition is there");
    }
}
