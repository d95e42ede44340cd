//! The relay of the outbox: a partition in trouble holds up no other, and nothing overtakes what
//! failed.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use soma_core::flows::stop::Stop;
use soma_core::ids::{SessionId, TenantId};
use soma_core::outbox::message::{OutboxMessage, Record, encode};
use soma_core::outbox::partition::{Partition, partition_of};
use soma_core::outbox::topic::Topic;
use soma_core::ports::log::Fetched;
use soma_core::ports::outbox::OutboxDepth;
use soma_core::ports::{Log, PortError, PortResult};
use soma_core::work::commit::{Commit, CommitOutcome, Fence, OpenSession};
use soma_decorators::{Publish, PublishedBy};
use soma_inproc::InprocLog;
use soma_tests::platform::{Ports, Stage, Unit};
use uuid::Uuid;

use crate::house::Plan;
use crate::records::dead_letters;

const TOPIC: Topic = Topic::ToolRequests;
/// More than a relay reads at once.
const MANY: usize = 1_200;

/// What is wrong with a log.
#[derive(Clone)]
enum Trouble {
    None,
    /// A partition takes nothing.
    Refuses(Partition),
    /// A partition does not answer until then.
    Hangs(Partition, Stop),
    /// No partition ever takes a record that says this.
    Never(&'static str),
    /// No partition takes more than so many bytes at once. That it was given more is told.
    AtMost(usize, Stop),
}

/// The trouble that a log has with what is published.
#[derive(Clone)]
struct Troubles(Arc<Mutex<Trouble>>);

impl Troubles {
    fn begin(&self, trouble: Trouble) {
        *self.0.lock().unwrap() = trouble;
    }
}

#[async_trait]
impl Publish for Troubles {
    async fn publish(
        &self,
        log: &dyn Log,
        topic: Topic,
        partition: Partition,
        records: Vec<Record>,
    ) -> PortResult<u64> {
        let trouble = self.0.lock().unwrap().clone();
        match trouble {
            Trouble::Refuses(which) if which == partition => {
                return Err(PortError::Unavailable("no leader".into()));
            }
            Trouble::Hangs(which, until) if which == partition => until.wait().await,
            Trouble::Never(text) if records.iter().any(|record| says(record) == text) => {
                return Err(PortError::Broken { what: "a record", source: "too large".into() });
            }
            Trouble::AtMost(bytes, given_more) if size(&records) > bytes => {
                given_more.trigger();
                return Err(PortError::Broken { what: "a batch", source: "too large".into() });
            }
            Trouble::None
            | Trouble::Refuses(_)
            | Trouble::Hangs(..)
            | Trouble::Never(_)
            | Trouble::AtMost(..) => {}
        }
        log.publish(topic, partition, records).await
    }
}

fn size(records: &[Record]) -> usize {
    records.iter().map(|record| record.value.len()).sum()
}

fn says(record: &Record) -> String {
    serde_json::from_slice(&record.value).unwrap_or_default()
}

/// A relay, what it publishes, and a log that is in trouble.
struct Scene {
    stage: Stage,
    ports: Ports,
    log: Arc<InprocLog>,
    troubles: Troubles,
    plan: Plan,
}

impl Scene {
    fn new() -> Self {
        let plan = Plan::saying("nothing");
        let log = Arc::new(InprocLog::new(Arc::clone(&plan.stage.timer)));
        let troubles = Troubles(Arc::new(Mutex::new(Trouble::None)));
        let plan = plan.over(&Arc::new(PublishedBy::new(Arc::clone(&log), troubles.clone())));
        Self { stage: plan.stage.clone(), ports: plan.ports.clone(), log, troubles, plan }
    }
}

/// A session whose messages go to this partition.
fn session_in(partition: Partition) -> SessionId {
    let sessions = (1_u128..).map(|number| SessionId::from_uuid(Uuid::from_u128(number)));
    let mut there = sessions.filter(|session| partition_of(&session.to_string(), 3) == partition);
    there.next().unwrap()
}

/// Commits messages of the session of a partition, which say these things.
async fn send(
    (stage, ports): (&Stage, &Ports),
    partition: Partition,
    texts: impl IntoIterator<Item = String>,
) {
    let (session, tenant) = (session_in(partition), TenantId::new("acme").unwrap());
    let message = |text: String| OutboxMessage {
        topic: TOPIC,
        key: session.to_string(),
        kind: "test".into(),
        tenant: tenant.clone(),
        event_id: stage.ids.uuid(),
        trace: None,
        payload: encode(&text),
        numbered_by: None,
    };
    let outbox = texts.into_iter().map(message).collect();
    let open = Some(OpenSession { persona_id: None });
    let commit = Commit::new(tenant.clone(), session, Fence::Open, stage.clock.now());
    let outcome = ports.store.commit(Commit { outbox, open, ..commit }).await.unwrap();
    assert!(matches!(outcome, CommitOutcome::Committed(_)), "{outcome:?}");
}

/// What a partition of the log has.
async fn published(log: &InprocLog, partition: Partition) -> Vec<String> {
    let fetched = log.fetch(TOPIC, partition, 0, 1 << 24, Duration::ZERO).await.unwrap();
    let Fetched::Records(records) = fetched else { panic!("{fetched:?}") };
    records.iter().map(|place| says(&place.record)).collect()
}

fn numbers(count: usize) -> Vec<String> {
    (0..count).map(|number| number.to_string()).collect()
}

/// Whatever is wrong with partition 0, the others get theirs, and it gets its own in order later.
async fn others_go_on(trouble: Trouble, over: &Stop) {
    let Scene { stage, ports, log, troubles, plan } = Scene::new();
    let truth = (&stage, &ports);
    send(truth, 0, numbers(MANY)).await;
    send(truth, 1, numbers(MANY)).await;
    troubles.begin(trouble);
    let house = plan.open_with(&[Unit::OutboxSync]);

    house.platform.pass(Duration::from_secs(8)).await;
    send(truth, 0, ["last".to_owned()]).await;
    send(truth, 2, numbers(3)).await;
    house.platform.pass(Duration::from_secs(2)).await;

    assert_eq!(published(&log, 0).await, [""; 0]);
    assert_eq!(published(&log, 1).await, numbers(MANY));
    assert_eq!(published(&log, 2).await, numbers(3));
    let waiting = ports.outbox.depth().await.unwrap();
    assert_eq!(waiting.rows, MANY as u64 + 1, "what was published was settled");

    troubles.begin(Trouble::None);
    over.trigger();
    house.platform.pass(Duration::from_secs(10)).await;

    let mut all = numbers(MANY);
    all.push("last".to_owned());
    assert_eq!(published(&log, 0).await, all);
    assert_eq!(ports.outbox.depth().await.unwrap(), OutboxDepth::default());
}

#[tokio::test(start_paused = true)]
async fn partition_that_takes_nothing_holds_up_no_other() {
    others_go_on(Trouble::Refuses(0), &Stop::new()).await;
}

#[tokio::test(start_paused = true)]
async fn partition_that_does_not_answer_holds_up_no_other() {
    let over = Stop::new();
    others_go_on(Trouble::Hangs(0, over.clone()), &over).await;
}

#[tokio::test(start_paused = true)]
async fn message_that_can_never_be_published_is_set_aside_alone() {
    let Scene { stage, ports, log, troubles, plan } = Scene::new();
    send((&stage, &ports), 1, ["a", "too large", "b"].map(str::to_owned)).await;
    troubles.begin(Trouble::Never("too large"));
    let house = plan.open_with(&[Unit::OutboxSync]);

    house.platform.pass(Duration::from_secs(3)).await;

    assert_eq!(published(&log, 1).await, ["a", "b"]);
    assert_eq!(ports.outbox.depth().await.unwrap(), OutboxDepth::default());
    let letters = dead_letters(&house.platform.truth, TOPIC.dead_letters().as_str()).await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0]["error_message"], "broken: a record: too large");
}

/// What a relay reads at once may be more than a log takes at once.
#[tokio::test(start_paused = true)]
async fn much_is_published_in_portions_and_in_its_order() {
    let Scene { stage, ports, log, troubles, plan } = Scene::new();
    let texts: Vec<String> = (0..400).map(|number| format!("{number:10000}")).collect();
    for text in &texts {
        send((&stage, &ports), 1, [text.clone()]).await;
    }
    let given_more = Stop::new();
    troubles.begin(Trouble::AtMost(900_000, given_more.clone()));
    let house = plan.open_with(&[Unit::OutboxSync]);

    house.platform.pass(Duration::from_secs(3)).await;

    assert_eq!(published(&log, 1).await, texts);
    assert!(!given_more.is_set(), "the log was given more than it takes");
    assert_eq!(ports.outbox.depth().await.unwrap(), OutboxDepth::default());
}
