//! Cases about writes.

use super::{due, queue};
use crate::contract::damage::Damaged;
use crate::contract::ledger::{AFTER_TTL, Ledger, NOW, TTL, at, owner};
use crate::contract::talk::{Talk, talk};
use crate::contract::{Fixture, at_once};
use crate::memory::{MemoryWrite, WalEvent};
use crate::outbox::topic::Topic;
use crate::ports::memory_queue::DueWrite;
use crate::work::commit::Commit;

/// A queue with one write that was taken up.
async fn taken(fixture: &impl Fixture<Port = Ledger>, talk: &Talk) -> (Ledger, DueWrite) {
    let ledger = fixture.open().await;
    queue(&ledger, talk, vec![talk.memory("a")]).await;
    let taken = due(&ledger, NOW).await.remove(0);
    (ledger, taken)
}

fn wal(due: &DueWrite) -> WalEvent {
    WalEvent::new(due.write.clone(), NOW)
}

fn texts(due: &[DueWrite]) -> Vec<&str> {
    due.iter().map(|due| due.write.text.as_str()).collect()
}

async fn settle(ledger: &Ledger, due: &DueWrite) -> bool {
    ledger.memory_queue.settle(due, wal(due)).await.unwrap()
}

pub async fn write_is_due_at_once_and_held_by_its_taker(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    queue(&ledger, &talk, vec![talk.memory("a")]).await;

    let first = due(&ledger, NOW).await;
    let second = due(&ledger, at(29)).await;

    assert_eq!((&first[0].write, first[0].tries), (&talk.memory("a"), 1));
    assert_eq!(second, []);
}

pub async fn write_whose_taker_died_is_due_again(fixture: impl Fixture<Port = Ledger>) {
    let talk = talk(1);
    let (ledger, first) = taken(&fixture, &talk).await;

    let second = due(&ledger, NOW + AFTER_TTL).await.remove(0);

    assert_eq!((second.write, second.tries), (first.write, 2));
    assert_ne!(second.token, first.token);
}

pub async fn writes_are_taken_up_oldest_first(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    for (seconds, text) in (0..).zip(["c", "a", "b"]) {
        let memory = vec![talk.memory(text)];
        ledger.commit(Commit { memory, at: at(seconds), ..talk.commit() }).await;
    }

    let two = ledger.memory_queue.due(owner(1), at(9), TTL, 2).await.unwrap();
    let rest = due(&ledger, at(9)).await;

    assert_eq!((texts(&two), texts(&rest)), (vec!["c", "a"], vec!["b"]));
}

pub async fn takers_at_the_same_time_share_no_write(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let writes = (0..16).map(|number| talk.memory(&format!("{number}")));
    queue(&ledger, &talk, writes.collect()).await;

    let asked = (0..8).map(|who| ledger.memory_queue.due(owner(who), NOW, TTL, 3));
    let taken = at_once(&fixture, asked).await;

    let taken = taken.into_iter().flat_map(Result::unwrap);
    let mut ids = taken.map(|due| due.id).collect::<Vec<_>>();
    assert_eq!(ids.len(), 16, "there is enough for all to be taken, and none is taken twice");
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 16, "no write has two takers");
}

pub async fn settled_write_is_gone_and_its_record_published(fixture: impl Fixture<Port = Ledger>) {
    let talk = talk(1);
    let (ledger, taken) = taken(&fixture, &talk).await;

    let settled = settle(&ledger, &taken).await;

    assert!(settled);
    assert_eq!(due(&ledger, at(3_600)).await, []);
    let published = ledger.published(Topic::MemoryWal).await;
    let payloads = published.iter().map(|message| message.payload.clone());
    assert_eq!(payloads.collect::<Vec<_>>(), [serde_json::to_value(wal(&taken)).unwrap().into()]);
    assert_eq!(published[0].key, talk.session_id.to_string());
    assert_eq!(published[0].tenant, talk.tenant);
}

pub async fn settlement_with_an_older_token_changes_nothing(fixture: impl Fixture<Port = Ledger>) {
    let talk = talk(1);
    let (ledger, old) = taken(&fixture, &talk).await;
    let new = due(&ledger, NOW + AFTER_TTL).await.remove(0);

    let settled = settle(&ledger, &old).await;

    assert!(!settled);
    assert_eq!(ledger.published(Topic::MemoryWal).await, []);
    assert!(settle(&ledger, &new).await);
    assert!(!settle(&ledger, &new).await, "it was settled twice");
}

pub async fn write_that_failed_is_due_again_at_its_time(fixture: impl Fixture<Port = Ledger>) {
    let talk = talk(1);
    let (ledger, taken) = taken(&fixture, &talk).await;

    let delayed = ledger.memory_queue.retry_at(&taken, at(100)).await.unwrap();

    let (early, late) = (due(&ledger, at(99)).await, due(&ledger, at(100)).await);
    assert!(delayed);
    assert_eq!(early, []);
    assert_eq!((late[0].tries, late.len()), (2, 1));
}

pub async fn retry_with_an_older_token_changes_nothing(fixture: impl Fixture<Port = Ledger>) {
    let talk = talk(1);
    let (ledger, old) = taken(&fixture, &talk).await;
    let new = due(&ledger, NOW + AFTER_TTL).await.remove(0);

    let delayed = ledger.memory_queue.retry_at(&old, at(32)).await.unwrap();

    assert!(!delayed);
    assert_eq!(due(&ledger, at(33)).await, []);
    assert!(settle(&ledger, &new).await);
}

pub async fn buried_write_is_a_dead_letter(fixture: impl Fixture<Port = Ledger>) {
    let talk = talk(1);
    let (ledger, taken) = taken(&fixture, &talk).await;
    let letter = talk.letter("refused");

    let dead_lettered = ledger.memory_queue.dead_letter(&taken, letter.clone()).await.unwrap();

    assert!(dead_lettered);
    assert_eq!(due(&ledger, at(3_600)).await, []);
    let dead = ledger.published(Topic::ConversationInboundDlq).await;
    assert_eq!(dead, [letter.message(&talk.tenant)]);
    assert_eq!(ledger.published(Topic::MemoryWal).await, []);
}

pub async fn dead_lettering_with_an_older_token_changes_nothing(
    fixture: impl Fixture<Port = Ledger>,
) {
    let talk = talk(1);
    let (ledger, old) = taken(&fixture, &talk).await;
    let new = due(&ledger, NOW + AFTER_TTL).await.remove(0);

    let dead_lettered =
        ledger.memory_queue.dead_letter(&old, talk.letter("refused")).await.unwrap();

    assert!(!dead_lettered);
    assert_eq!(ledger.published(Topic::ConversationInboundDlq).await, []);
    assert!(settle(&ledger, &new).await);
}

fn replacement(talk: &Talk) -> MemoryWrite {
    MemoryWrite { text: "a, corrected".into(), ..talk.memory("a") }
}

pub async fn write_with_a_key_that_is_queued_replaces_it(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    queue(&ledger, &talk, vec![talk.memory("a")]).await;

    queue(&ledger, &talk, vec![replacement(&talk)]).await;

    assert_eq!(ledger.memory_queue.backlog().await.unwrap(), 1);
    assert_eq!(texts(&due(&ledger, NOW).await), ["a, corrected"]);
}

pub async fn write_that_was_replaced_while_it_was_made_is_made_again(
    fixture: impl Fixture<Port = Ledger>,
) {
    let talk = talk(1);
    let (ledger, old) = taken(&fixture, &talk).await;
    queue(&ledger, &talk, vec![replacement(&talk)]).await;

    let settled = settle(&ledger, &old).await;

    let again = due(&ledger, NOW + AFTER_TTL).await;
    assert!(!settled);
    assert_eq!(texts(&again), ["a, corrected"]);
    assert!(settle(&ledger, &again[0]).await);
    assert_eq!(ledger.published(Topic::MemoryWal).await.len(), 1);
}

pub async fn write_that_replaces_a_held_one_is_not_due_before_its_hold_ends(
    fixture: impl Fixture<Port = Ledger>,
) {
    let talk = talk(1);
    let (ledger, old) = taken(&fixture, &talk).await;
    let again = Commit { at: at(9), memory: vec![replacement(&talk)], ..talk.commit() };

    ledger.commit(again).await;

    let early = due(&ledger, at(29)).await;
    let late = due(&ledger, at(30)).await;
    assert_eq!((texts(&early), texts(&late)), (vec![], vec!["a, corrected"]));
    assert_eq!((late[0].tries, settle(&ledger, &old).await), (1, false));
}

pub async fn write_that_replaces_one_that_was_put_off_is_due_at_once(
    fixture: impl Fixture<Port = Ledger>,
) {
    let talk = talk(1);
    let (ledger, old) = taken(&fixture, &talk).await;
    ledger.memory_queue.retry_at(&old, at(3_600)).await.unwrap();

    queue(&ledger, &talk, vec![replacement(&talk)]).await;

    assert_eq!(texts(&due(&ledger, NOW).await), ["a, corrected"]);
}

pub async fn write_that_was_made_can_be_queued_again(fixture: impl Fixture<Port = Ledger>) {
    let talk = talk(1);
    let (ledger, first) = taken(&fixture, &talk).await;
    settle(&ledger, &first).await;

    queue(&ledger, &talk, vec![replacement(&talk)]).await;

    let again = due(&ledger, NOW).await;
    assert_eq!((texts(&again), again[0].tries), (vec!["a, corrected"], 1));
    assert!(!settle(&ledger, &first).await);
    assert!(settle(&ledger, &again[0]).await);
}

pub async fn backlog_counts_what_waits(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let empty = ledger.memory_queue.backlog().await.unwrap();
    queue(&ledger, &talk, ["a", "b", "c"].map(|text| talk.memory(text)).to_vec()).await;
    let taken = due(&ledger, NOW).await;
    let held = ledger.memory_queue.backlog().await.unwrap();

    settle(&ledger, &taken[0]).await;

    assert_eq!((empty, held), (0, 3));
    assert_eq!(ledger.memory_queue.backlog().await.unwrap(), 2);
}

pub async fn writes_survive_a_restart<F: Fixture<Port = Ledger>>(fixture: F) {
    let talk = talk(1);
    let (ledger, taken) = taken(&fixture, &talk).await;
    drop(ledger);

    let ledger = fixture.open().await;

    let due = due(&ledger, NOW + AFTER_TTL).await;
    let expected = if F::DURABLE { vec![2] } else { Vec::new() };
    assert_eq!(due.iter().map(|due| due.tries).collect::<Vec<_>>(), expected);
    assert!(!settle(&ledger, &taken).await);
}

pub async fn write_that_cannot_be_read_is_a_dead_letter_and_stops_no_other(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, bad, good) = (fixture.open().await, talk(1), talk(2));
    queue(&ledger, &bad, vec![bad.memory("bad")]).await;
    queue(&ledger, &good, vec![good.memory("good")]).await;

    ledger.damage.damage(Damaged::Memories(bad.session_id)).await;

    let due = due(&ledger, NOW).await;
    let due: Vec<_> = due.into_iter().map(|due| due.write).collect();
    assert_eq!(due, [good.memory("good")]);
    assert_eq!(ledger.memory_queue.backlog().await.unwrap(), 1);
    let letters = ledger.published(Topic::MemoryWalDlq).await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].key, bad.session_id.to_string());
}
