//! A log that loses what it was given: the store has it still.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{join, join_all};
use soma_core::conversation::event::EventType::AssistantFinal;
use soma_core::flows::stop::Stop;
use soma_core::outbox::message::Record;
use soma_core::outbox::partition::Partition;
use soma_core::outbox::topic::Topic;
use soma_core::ports::log::{Bounds, Fetched};
use soma_core::ports::{Log, PortError, PortResult};
use soma_core::tool::ToolStatus;
use soma_decorators::{Publish, PublishedBy};
use soma_inproc::{InprocLog, Script};
use soma_tests::platform::{
    HeldTool, Stage, Tools, Unit, asks_for, check, has_tool_results, last_words,
};

use crate::house::{House, Plan};
use crate::records::dead_letters;

/// What a log does once, when something is published.
enum Trouble {
    /// It says that it keeps what it is given, and does not keep the first of these topics.
    Loses(BTreeSet<Topic>),
    /// It loses the last record of these partitions at that moment: whoever waits there sees neither
    /// that it was cut nor that it grew again.
    Cuts(BTreeSet<(Topic, Partition)>),
    /// It keeps what it is given of these topics, and cannot say so.
    Doubts(BTreeSet<Topic>),
}

/// The trouble of a log.
#[derive(Clone)]
struct Troubles {
    log: Arc<InprocLog>,
    trouble: Arc<Mutex<Trouble>>,
}

/// A log with a trouble, and the trouble.
fn lossy(stage: &Stage, trouble: Trouble) -> (Arc<PublishedBy<InprocLog, Troubles>>, Troubles) {
    let log = Arc::new(InprocLog::new(Arc::clone(&stage.timer)));
    let troubles = Troubles { log: Arc::clone(&log), trouble: Arc::new(Mutex::new(trouble)) };
    (Arc::new(PublishedBy::new(log, troubles.clone())), troubles)
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
        let (lost, cut, doubted) = match &mut *self.trouble.lock().unwrap() {
            Trouble::Loses(topics) => (topics.remove(&topic), false, false),
            Trouble::Cuts(places) => (false, places.remove(&(topic, partition)), false),
            Trouble::Doubts(topics) => (false, false, topics.remove(&topic)),
        };
        if cut {
            let Bounds { next, .. } = log.bounds(topic, partition).await?;
            self.log.truncate(topic, partition, next - 1)?;
        }
        let kept = if lost { Vec::new() } else { records };
        let first = log.publish(topic, partition, kept).await?;
        if doubted { Err(PortError::Ambiguous("not acknowledged".into())) } else { Ok(first) }
    }
}

/// Cuts the last record of every partition that has one. Returns how many it cut.
async fn cut(log: &InprocLog, topic: Topic) -> usize {
    let mut lost = 0;
    for partition in 0..log.partitions(topic) {
        let Bounds { next, .. } = log.bounds(topic, partition).await.unwrap();
        lost += log.truncate(topic, partition, next.saturating_sub(1)).unwrap();
    }
    lost
}

/// So many sessions say something. Returns how long it takes until everything is at rest.
async fn answering(house: &House, sessions: usize) -> Duration {
    let clock = &house.platform.stage.clock;
    let begun = clock.now();
    let mut clients: Vec<_> = (0..sessions).map(|_| house.client()).collect();
    join_all(clients.iter_mut().map(|client| client.ask_and_wait("Use the tool."))).await;
    check(&house.platform, &clients[0].principal).await;
    clock.now().since(begun)
}

#[tokio::test(start_paused = true)]
async fn log_that_was_cut_and_grew_again_hides_no_record() {
    for (topic, reader) in [
        (Topic::ConversationInbound, Unit::Worker),
        (Topic::ToolRequests, Unit::Executor),
        (Topic::ToolResults, Unit::Worker),
        (Topic::MemoryWal, Unit::Replicator),
    ] {
        let stage = Stage::new();
        let log = Arc::new(InprocLog::new(Arc::clone(&stage.timer)));
        let house = Plan::asking_for("echo").over(&log).open();
        answering(&house, 12).await;
        house.platform.stop(reader).await;
        let lost = cut(&log, topic).await;
        let again = async {
            house.platform.pass(Duration::from_secs(5)).await;
            house.platform.start(reader);
        };

        let (took, ()) = join(answering(&house, 12), again).await;

        assert!(took < Duration::from_secs(7), "{topic} took {took:?}");
        let letters = dead_letters(&house.platform.truth, topic.dead_letters().as_str()).await;
        assert_eq!(letters.len(), lost, "{topic}: {letters:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn reader_whose_log_is_cut_under_it_misses_nothing() {
    for topic in
        [Topic::ConversationInbound, Topic::ToolRequests, Topic::ToolResults, Topic::MemoryWal]
    {
        let stage = Stage::new();
        let log = Arc::new(InprocLog::new(Arc::clone(&stage.timer)));
        let house = Plan::asking_for("echo").over(&log).open();
        answering(&house, 12).await;

        let lost = cut(&log, topic).await;
        house.platform.pass(Duration::from_millis(10)).await;
        let took = answering(&house, 12).await;

        assert!(took < Duration::from_secs(1), "{topic} took {took:?}");
        let letters = dead_letters(&house.platform.truth, topic.dead_letters().as_str()).await;
        assert_eq!(letters.len(), lost, "{topic}: {letters:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn reader_whose_log_is_cut_and_grows_again_while_it_waits_misses_nothing() {
    for topic in
        [Topic::ConversationInbound, Topic::ToolRequests, Topic::ToolResults, Topic::MemoryWal]
    {
        let stage = Stage::new();
        let (log, troubles) = lossy(&stage, Trouble::Cuts(BTreeSet::new()));
        let house = Plan::asking_for("echo").over(&log).open();
        answering(&house, 12).await;
        let mut places = BTreeSet::new();
        for partition in 0..log.partitions(topic) {
            if log.bounds(topic, partition).await.unwrap().next > 0 {
                places.insert((topic, partition));
            }
        }
        let before = places.len();
        *troubles.trouble.lock().unwrap() = Trouble::Cuts(places);

        let took = answering(&house, 1).await;

        assert!(took < Duration::from_secs(7), "{topic} took {took:?}");
        let Trouble::Cuts(left) = &*troubles.trouble.lock().unwrap() else {
            panic!("another trouble")
        };
        assert!(left.len() < before, "{topic} was cut");
    }
}

/// What the store has is shown late, too, when the tail is dead; the pieces of an answer are only here.
#[tokio::test(start_paused = true)]
async fn gateway_whose_log_is_cut_goes_on_showing_answers_as_they_are_given() {
    let log = Arc::new(InprocLog::new(Arc::clone(&Stage::new().timer)));
    let never = Stop::new();
    let endless = Plan::new(move |request, _| match last_words(request) {
        "Tell me a story." => Script::new().text("Once ").hold(&never),
        _ => Script::answer("Yes."),
    });
    let house = endless.over(&log).open();
    answering(&house, 12).await;
    assert!(cut(&log, Topic::ConversationOutbound).await > 0);
    house.platform.pass(Duration::from_millis(10)).await;

    for _ in 0..12 {
        let mut client = house.client();
        let begun = house.platform.stage.clock.now();
        client.say("Tell me a story.").await;
        client.until(|view| view.text == "Once ").await;
        let took = house.platform.stage.clock.now().since(begun);
        assert!(took < Duration::from_secs(1), "it took {took:?}");
    }
}

/// Where the log is cut below a record and grows again, that record may come back to its old place,
/// and those below it may be others. A reader tells by the digest that it is not the one it has read.
#[tokio::test(start_paused = true)]
async fn record_that_is_published_again_is_another_record() {
    let topics =
        [Topic::ConversationInbound, Topic::ToolRequests, Topic::ToolResults, Topic::MemoryWal];
    let (log, _) = lossy(&Stage::new(), Trouble::Doubts(BTreeSet::from(topics)));
    let house = Plan::asking_for("echo").over(&log).open();

    answering(&house, 1).await;

    for topic in topics {
        let mut records = Vec::new();
        for partition in 0..log.partitions(topic) {
            let fetched = log.fetch(topic, partition, 0, 1 << 24, Duration::ZERO).await.unwrap();
            let Fetched::Records(found) = fetched else { panic!("{fetched:?}") };
            records.extend(found.into_iter().map(|place| place.record));
        }
        let events: BTreeSet<_> = records.iter().map(|record| record.header("event_id")).collect();
        let digests: BTreeSet<_> =
            records.iter().map(|record| record.digest().to_string()).collect();
        assert!(events.len() < records.len(), "{topic} was published again");
        assert_eq!(digests.len(), records.len(), "{topic}: {records:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn message_whose_records_the_log_loses_is_answered_all_the_same() {
    let topics = [Topic::ConversationInbound, Topic::ToolRequests, Topic::ToolResults];
    let loses = topics.iter().map(|topic| BTreeSet::from([*topic]));
    for loses in loses.chain([BTreeSet::from(topics)]) {
        let count = u32::try_from(loses.len()).unwrap();
        let (log, _) = lossy(&Stage::new(), Trouble::Loses(loses));
        let house = Plan::asking_for("echo").over(&log).open();
        let mut client = house.client();
        let clock = &house.platform.stage.clock;
        let begun = clock.now();

        let ended = client.ask_and_wait("Use the tool.").await;

        let took = clock.now().since(begun);
        assert_eq!((ended.kind, house.echo.calls().len()), (AssistantFinal, 1));
        assert!(
            took > Duration::from_mins(1) * count,
            "a log that is slow is waited for: {took:?}"
        );
        assert!(took <= Duration::from_secs(91) * count, "{took:?}");
        check(&house.platform, &client.principal).await;
    }
}

/// A call that nobody runs is open for as long as the log takes to carry it, also when its turn is over.
#[tokio::test(start_paused = true)]
async fn call_of_a_cancelled_turn_that_the_log_lost_cancels_none_of_the_next() {
    let tool = HeldTool::new("slow");
    let slow = Arc::clone(&tool);
    let plan = Plan::new(|request, _| {
        if has_tool_results(request) {
            Script::answer("Done.")
        } else {
            asks_for("Wait.", &[("slow", "{}")])
        }
    });
    let (log, _) = lossy(&plan.stage, Trouble::Loses(BTreeSet::from([Topic::ToolRequests])));
    let house = plan.over(&log).with(|plan| plan.ports.tools = Tools::one(slow)).open();
    let mut client = house.client();
    client.say("first").await;
    client.until(|view| view.text.starts_with("Wait.")).await;
    house.platform.pass(Duration::from_secs(1)).await;
    client.cancel().await;
    client.until_ended(1).await;

    client.say("second").await;
    tool.begun.wait().await;
    house.platform.pass(Duration::from_secs(10)).await;
    tool.release.trigger();
    client.until_ended(2).await;

    let report = check(&house.platform, &client.principal).await;
    let [call] = &*report.turns[1].calls else { panic!("{:?}", report.turns) };
    assert_eq!(call.outcome.as_ref().map(|outcome| outcome.status), Some(ToolStatus::Success));
}
