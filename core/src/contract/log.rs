//! The suite of [`Log`]. That an ambiguous publish may have happened, that retention moves the
//! earliest offset, and that a record cannot be read, cannot be brought about through the port: the
//! tests of an adapter show them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{self, Either};
use futures_util::{pin_mut, poll};

use super::{Fixture, at_once};
use crate::outbox::message::Record;
use crate::outbox::topic::Topic;
use crate::ports::Log;
use crate::ports::log::{Bounds, Fetched, Positioned};
use crate::time::Timestamp;

super::suite! { log:
    records_of_a_publish_are_in_their_order_with_consecutive_offsets,
    publish_comes_after_those_that_were_answered_before,
    publishes_at_the_same_time_share_no_offset,
    publishes_of_many_are_in_the_order_of_each,
    record_is_read_as_it_was_written,
    record_can_be_read_again_and_from_the_middle,
    fetch_at_the_end_is_woken_by_a_publish,
    fetch_at_the_end_answers_none_when_the_wait_is_over,
    fetch_outside_the_bounds_says_so,
    fetch_answers_one_record_however_large,
    fetch_answers_no_more_than_asked,
    partitions_and_topics_do_not_meet,
    every_topic_has_bounds_in_every_partition,
    records_survive_a_restart,
}

const TOPIC: Topic = Topic::ConversationInbound;
const MUCH: usize = 1 << 20;
const A_MOMENT: Duration = Duration::from_millis(20);

fn record(value: &str) -> Record {
    Record {
        key: "key".into(),
        value: value.as_bytes().to_vec().into(),
        headers: BTreeMap::from([("type".to_owned(), "user.message".to_owned())]),
        at: Timestamp::from_micros(1_762_171_200_000_001),
    }
}

fn records(values: &[&str]) -> Vec<Record> {
    values.iter().map(|value| record(value)).collect()
}

async fn fetch(log: &Arc<dyn Log>, offset: u64, max_bytes: usize) -> Vec<Positioned> {
    match log.fetch(TOPIC, 0, offset, max_bytes, Duration::ZERO).await.unwrap() {
        Fetched::Records(records) => records,
        Fetched::OutOfRange(bounds) => panic!("{offset} is not within {bounds:?}"),
        Fetched::Unreadable { offset, found } => panic!("{offset} cannot be read: {found:?}"),
    }
}

fn read(found: &[Positioned]) -> Vec<(u64, String)> {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    found.iter().map(|one| (one.offset, text(&one.record.value))).collect()
}

fn expected(values: &[(u64, &str)]) -> Vec<(u64, String)> {
    values.iter().map(|(offset, value)| (*offset, (*value).to_owned())).collect()
}

/// Records of one publish are in the partition in their order, with consecutive offsets.
pub async fn records_of_a_publish_are_in_their_order_with_consecutive_offsets<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn Log>>,
{
    let log = fixture.open().await;

    let first = log.publish(TOPIC, 0, records(&["a", "b", "c"])).await.unwrap();

    let found = fetch(&log, first, MUCH).await;
    assert_eq!(read(&found), expected(&[(first, "a"), (first + 1, "b"), (first + 2, "c")]));
}

/// The records of a publish come after those of every publish that was answered before.
pub async fn publish_comes_after_those_that_were_answered_before<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn Log>>,
{
    let log = fixture.open().await;

    let first = log.publish(TOPIC, 0, records(&["a", "b"])).await.unwrap();
    let second = log.publish(TOPIC, 0, records(&["c"])).await.unwrap();

    assert!(second > first + 1, "{second} after {first}");
    let values: Vec<_> =
        read(&fetch(&log, first, MUCH).await).into_iter().map(|(_, value)| value).collect();
    assert_eq!(values, ["a", "b", "c"]);
}

/// Publishes that are made at the same time are each in one piece.
pub async fn publishes_at_the_same_time_share_no_offset<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn Log>>,
{
    let log = fixture.open().await;
    let start = log.bounds(TOPIC, 0).await.unwrap().next;

    let publishes = (0..16).map(|number| {
        let values = vec![record(&format!("{number}/0")), record(&format!("{number}/1"))];
        log.publish(TOPIC, 0, values)
    });
    let firsts = at_once(&fixture, publishes).await;

    let found = read(&fetch(&log, start, MUCH).await);
    assert_eq!(found.len(), 32, "every record has a place of its own: {found:?}");
    for (number, first) in firsts.into_iter().map(Result::unwrap).enumerate() {
        assert!(found.contains(&(first, format!("{number}/0"))), "{first} in {found:?}");
        assert!(found.contains(&(first + 1, format!("{number}/1"))), "{first} in {found:?}");
    }
}

/// Of many who publish to several partitions, each finds its records in the order in which it was
/// answered.
pub async fn publishes_of_many_are_in_the_order_of_each<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn Log>>,
{
    let log = fixture.open().await;
    let partitions = log.partitions(TOPIC);

    let publishers = (0..partitions * 8).map(async |number| {
        for step in 0..6 {
            let values = vec![record(&format!("{number}/{step}")), record(&format!("{number}/+"))];
            log.publish(TOPIC, number % partitions, values).await.unwrap();
        }
    });
    at_once(&fixture, publishers).await;

    for partition in 0..partitions {
        let bounds = log.bounds(TOPIC, partition).await.unwrap();
        let fetched = log.fetch(TOPIC, partition, bounds.earliest, MUCH, Duration::ZERO).await;
        let Fetched::Records(found) = fetched.unwrap() else { panic!("out of range") };
        let values: Vec<String> = read(&found).into_iter().map(|(_, value)| value).collect();
        assert_eq!(values.len(), 8 * 6 * 2);
        for number in (0..partitions * 8).filter(|number| number % partitions == partition) {
            let own = values.iter().filter_map(|value| value.strip_prefix(&format!("{number}/")));
            let expected = (0..6).flat_map(|step| [step.to_string(), "+".to_owned()]);
            assert_eq!(own.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
        }
    }
}

/// A record keeps its key, value, headers and time, whatever bytes it has.
pub async fn record_is_read_as_it_was_written<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn Log>>,
{
    let log = fixture.open().await;
    let strange = Record {
        key: "ключ/ \u{1f980}".into(),
        value: vec![0, 255, 254, 0, 10, 34].into(),
        headers: BTreeMap::from([
            ("event_id".to_owned(), String::new()),
            ("traceparent".to_owned(), "00-\"'-01".to_owned()),
        ]),
        at: Timestamp::from_micros(1_762_171_200_123_456),
    };
    let bare = Record {
        key: String::new(),
        value: Vec::new().into(),
        headers: BTreeMap::new(),
        at: Timestamp::from_micros(0),
    };

    let first = log.publish(TOPIC, 0, vec![strange.clone(), bare.clone()]).await.unwrap();

    let found: Vec<_> =
        fetch(&log, first, MUCH).await.into_iter().map(|found| found.record).collect();
    assert_eq!(found, [strange.into(), bare.into()]);
}

/// Reading takes nothing away, and may begin anywhere.
pub async fn record_can_be_read_again_and_from_the_middle<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn Log>>,
{
    let log = fixture.open().await;
    let first = log.publish(TOPIC, 0, records(&["a", "b", "c"])).await.unwrap();

    let once = fetch(&log, first, MUCH).await;
    let again = fetch(&log, first, MUCH).await;
    let middle = fetch(&log, first + 1, MUCH).await;

    assert_eq!(once, again);
    assert_eq!(read(&middle), expected(&[(first + 1, "b"), (first + 2, "c")]));
}

/// A fetch that waits is woken by a publish, long before its wait is over.
pub async fn fetch_at_the_end_is_woken_by_a_publish<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn Log>>,
{
    let log = fixture.open().await;
    let start = log.bounds(TOPIC, 0).await.unwrap().next;
    let fetch = log.fetch(TOPIC, 0, start, MUCH, Duration::from_secs(20));
    let elsewhere = log.fetch(Topic::ToolResults, 0, 0, MUCH, Duration::from_secs(10));
    pin_mut!(fetch, elsewhere);
    assert!(poll!(&mut fetch).is_pending(), "a fetch at the end waits");

    log.publish(TOPIC, 0, records(&["a"])).await.unwrap();

    match future::select(fetch, elsewhere).await {
        Either::Left((Ok(Fetched::Records(found)), _)) => {
            assert_eq!(read(&found), expected(&[(start, "a")]));
        }
        Either::Left((other, _)) => panic!("{other:?}"),
        Either::Right(_) => panic!("the fetch slept on while there was a record"),
    }
}

/// A fetch at the end returns none when nothing came within the wait.
pub async fn fetch_at_the_end_answers_none_when_the_wait_is_over<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn Log>>,
{
    let log = fixture.open().await;
    log.publish(TOPIC, 0, records(&["a"])).await.unwrap();
    let end = log.bounds(TOPIC, 0).await.unwrap().next;

    let found = log.fetch(TOPIC, 0, end, MUCH, A_MOMENT).await.unwrap();

    assert_eq!(found, Fetched::Records(Vec::new()));
}

/// A fetch above the next offset says where the partition begins and ends.
pub async fn fetch_outside_the_bounds_says_so<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn Log>>,
{
    let log = fixture.open().await;
    log.publish(TOPIC, 0, records(&["a", "b"])).await.unwrap();
    let bounds = log.bounds(TOPIC, 0).await.unwrap();

    let found = log.fetch(TOPIC, 0, bounds.next + 1, MUCH, A_MOMENT).await.unwrap();

    assert_eq!(found, Fetched::OutOfRange(bounds));
}

/// A fetch returns a record that is larger than what was asked for.
pub async fn fetch_answers_one_record_however_large<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn Log>>,
{
    let log = fixture.open().await;
    let large = "x".repeat(100_000);
    let first = log.publish(TOPIC, 0, records(&[&large, "b"])).await.unwrap();

    let found = fetch(&log, first, 10).await;

    assert_eq!(read(&found), [(first, large)]);
}

/// A fetch stops before the record that would exceed `max_bytes` of values.
pub async fn fetch_answers_no_more_than_asked<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn Log>>,
{
    let log = fixture.open().await;
    let first = log.publish(TOPIC, 0, records(&["aaaa", "bbbb", "cccc"])).await.unwrap();

    let found = fetch(&log, first, 11).await;

    assert_eq!(read(&found), expected(&[(first, "aaaa"), (first + 1, "bbbb")]));
}

/// A record is in the partition it was published to, and in no other.
pub async fn partitions_and_topics_do_not_meet<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn Log>>,
{
    let log = fixture.open().await;
    let other = log.partitions(TOPIC) - 1;
    assert!(other > 0, "the suite needs two partitions");

    log.publish(TOPIC, 0, records(&["a", "b"])).await.unwrap();
    log.publish(TOPIC, other, records(&["c"])).await.unwrap();

    let length = |bounds: Bounds| bounds.next - bounds.earliest;
    assert_eq!(length(log.bounds(TOPIC, 0).await.unwrap()), 2);
    assert_eq!(length(log.bounds(TOPIC, other).await.unwrap()), 1);
    assert_eq!(length(log.bounds(Topic::ToolRequests, 0).await.unwrap()), 0);
}

/// Every topic can be read at its end before anything was published.
pub async fn every_topic_has_bounds_in_every_partition<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn Log>>,
{
    let log = fixture.open().await;

    for topic in Topic::ALL {
        for partition in 0..log.partitions(*topic) {
            let bounds = log.bounds(*topic, partition).await.unwrap();
            let found = log.fetch(*topic, partition, bounds.next, MUCH, Duration::ZERO).await;

            assert_eq!(bounds.earliest, bounds.next, "{topic}/{partition}");
            assert_eq!(found.unwrap(), Fetched::Records(Vec::new()), "{topic}/{partition}");
        }
    }
}

/// What was published is there after a restart, and offsets go on.
pub async fn records_survive_a_restart<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn Log>>,
{
    if !F::DURABLE {
        return super::vacuous::<F>("nothing is to survive a restart");
    }
    let log = fixture.open().await;
    let first = log.publish(TOPIC, 0, records(&["a", "b"])).await.unwrap();
    drop(log);

    let log = fixture.open().await;
    let next = log.publish(TOPIC, 0, records(&["c"])).await.unwrap();

    assert_eq!(next, first + 2);
    let found = read(&fetch(&log, first, MUCH).await);
    assert_eq!(found, expected(&[(first, "a"), (first + 1, "b"), (next, "c")]));
}
