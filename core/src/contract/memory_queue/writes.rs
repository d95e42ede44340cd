//! Cases about writes.

use std::time::Duration;

use super::{due, pass, queue};
use crate::contract::damage::Damaged;
use crate::contract::ledger::{AFTER_TTL, Ledger, NOW, TTL, at, owner};
use crate::contract::talk::{Talk, talk};
use crate::contract::{Fixture, at_once};
use crate::memory::{MemoryWrite, WalEvent};
use crate::outbox::message::encode;
use crate::outbox::topic::Topic;
use crate::ports::memory_queue::{DueWrite, SettledWrite, WriteOutcome};
use crate::work::commit::Commit;

/// A queue with one write that was taken up.
async fn taken(fixture: &impl Fixture<Port = Ledger>, talk: &Talk) -> (Ledger, DueWrite) {
    let ledger = fixture.open().await;
    queue(&ledger, talk, vec![talk.memory("a")]).await;
    let taken = due(&ledger).await.remove(0);
    (ledger, taken)
}

fn wal(due: &DueWrite) -> WalEvent {
    WalEvent::new(due.write.clone(), NOW)
}

fn texts(due: &[DueWrite]) -> Vec<&str> {
    due.iter().map(|due| due.write.text.as_str()).collect()
}

async fn settle_as(ledger: &Ledger, due: &DueWrite, outcome: WriteOutcome) -> bool {
    let settlement = SettledWrite { due: due.clone(), outcome };
    ledger.memory_queue.settle(&[settlement]).await.unwrap().remove(0)
}

/// The write was made.
async fn settle(ledger: &Ledger, due: &DueWrite) -> bool {
    settle_as(ledger, due, WriteOutcome::Made(NOW)).await
}

/// The write failed, and is put off for so many seconds.
async fn put_off(ledger: &Ledger, due: &DueWrite, seconds: u64) -> bool {
    settle_as(ledger, due, WriteOutcome::PutOff(Duration::from_secs(seconds))).await
}

pub async fn write_is_due_at_once_and_held_by_its_taker(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    queue(&ledger, &talk, vec![talk.memory("a")]).await;

    let first = due(&ledger).await;
    pass(&ledger, 29).await;
    let second = due(&ledger).await;

    assert_eq!((&first[0].write, first[0].tries), (&talk.memory("a"), 1));
    assert_eq!(second, []);
}

pub async fn write_whose_taker_died_is_due_again(fixture: impl Fixture<Port = Ledger>) {
    let talk = talk(1);
    let (ledger, first) = taken(&fixture, &talk).await;

    ledger.clock.advance(AFTER_TTL).await;
    let second = due(&ledger).await.remove(0);

    assert_eq!((second.write, second.tries), (first.write, 2));
    assert_ne!(second.token, first.token);
}

pub async fn writes_are_taken_up_oldest_first(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    for (seconds, text) in (0..).zip(["c", "a", "b"]) {
        let memory = vec![talk.memory(text)];
        ledger.commit(Commit { memory, at: at(seconds), ..talk.commit() }).await;
    }

    let two = ledger.memory_queue.due(owner(1), TTL, 2).await.unwrap();
    let rest = due(&ledger).await;

    assert_eq!((texts(&two), texts(&rest)), (vec!["c", "a"], vec!["b"]));
}

pub async fn takers_at_the_same_time_share_no_write(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let writes = (0..16).map(|number| talk.memory(&format!("{number}")));
    queue(&ledger, &talk, writes.collect()).await;

    let asked = (0..8).map(|who| ledger.memory_queue.due(owner(who), TTL, 3));
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
    pass(&ledger, 3_600).await;
    assert_eq!(due(&ledger).await, []);
    let published = ledger.published(Topic::MemoryWal).await;
    let payloads = published.iter().map(|message| message.payload.clone());
    assert_eq!(payloads.collect::<Vec<_>>(), [encode(&wal(&taken))]);
    assert_eq!(published[0].key, talk.session_id.to_string());
    assert_eq!(published[0].tenant, talk.tenant);
}

pub async fn settlement_with_an_older_token_changes_nothing(fixture: impl Fixture<Port = Ledger>) {
    let talk = talk(1);
    let (ledger, old) = taken(&fixture, &talk).await;
    ledger.clock.advance(AFTER_TTL).await;
    let new = due(&ledger).await.remove(0);

    let settled = settle(&ledger, &old).await;

    assert!(!settled);
    assert_eq!(ledger.published(Topic::MemoryWal).await, []);
    assert!(settle(&ledger, &new).await);
    assert!(!settle(&ledger, &new).await, "it was settled twice");
}

pub async fn write_that_failed_is_due_again_at_its_time(fixture: impl Fixture<Port = Ledger>) {
    let talk = talk(1);
    let (ledger, taken) = taken(&fixture, &talk).await;

    let delayed = put_off(&ledger, &taken, 100).await;

    pass(&ledger, 99).await;
    let early = due(&ledger).await;
    pass(&ledger, 1).await;
    let late = due(&ledger).await;
    assert!(delayed);
    assert_eq!(early, []);
    assert_eq!((late[0].tries, late.len()), (2, 1));
}

pub async fn retry_with_an_older_token_changes_nothing(fixture: impl Fixture<Port = Ledger>) {
    let talk = talk(1);
    let (ledger, old) = taken(&fixture, &talk).await;
    ledger.clock.advance(AFTER_TTL).await;
    let new = due(&ledger).await.remove(0);

    let delayed = put_off(&ledger, &old, 1).await;

    assert!(!delayed);
    pass(&ledger, 2).await;
    assert_eq!(due(&ledger).await, []);
    assert!(settle(&ledger, &new).await);
}

pub async fn refused_write_is_a_dead_letter(fixture: impl Fixture<Port = Ledger>) {
    let talk = talk(1);
    let (ledger, taken) = taken(&fixture, &talk).await;
    let letter = talk.letter("refused");

    let dead_lettered = settle_as(&ledger, &taken, WriteOutcome::Refused(letter.clone())).await;

    assert!(dead_lettered);
    pass(&ledger, 3_600).await;
    assert_eq!(due(&ledger).await, []);
    let dead = ledger.published(Topic::ConversationInboundDlq).await;
    assert_eq!(dead, [letter.message(&talk.tenant)]);
    assert_eq!(ledger.published(Topic::MemoryWal).await, []);
}

pub async fn dead_lettering_with_an_older_token_changes_nothing(
    fixture: impl Fixture<Port = Ledger>,
) {
    let talk = talk(1);
    let (ledger, old) = taken(&fixture, &talk).await;
    ledger.clock.advance(AFTER_TTL).await;
    let new = due(&ledger).await.remove(0);

    let refused = WriteOutcome::Refused(talk.letter("refused"));
    let dead_lettered = settle_as(&ledger, &old, refused).await;

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
    assert_eq!(texts(&due(&ledger).await), ["a, corrected"]);
}

pub async fn write_that_was_replaced_while_it_was_made_is_made_again(
    fixture: impl Fixture<Port = Ledger>,
) {
    let talk = talk(1);
    let (ledger, old) = taken(&fixture, &talk).await;
    queue(&ledger, &talk, vec![replacement(&talk)]).await;

    let settled = settle(&ledger, &old).await;

    ledger.clock.advance(AFTER_TTL).await;
    let again = due(&ledger).await;
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
    pass(&ledger, 9).await;
    let again = Commit { at: at(9), memory: vec![replacement(&talk)], ..talk.commit() };

    ledger.commit(again).await;

    pass(&ledger, 20).await;
    let early = due(&ledger).await;
    pass(&ledger, 1).await;
    let late = due(&ledger).await;
    assert_eq!((texts(&early), texts(&late)), (vec![], vec!["a, corrected"]));
    assert_eq!((late[0].tries, settle(&ledger, &old).await), (1, false));
}

pub async fn write_that_replaces_one_that_was_put_off_is_due_at_once(
    fixture: impl Fixture<Port = Ledger>,
) {
    let talk = talk(1);
    let (ledger, old) = taken(&fixture, &talk).await;
    put_off(&ledger, &old, 3_600).await;

    queue(&ledger, &talk, vec![replacement(&talk)]).await;

    assert_eq!(texts(&due(&ledger).await), ["a, corrected"]);
}

pub async fn write_that_was_made_can_be_queued_again(fixture: impl Fixture<Port = Ledger>) {
    let talk = talk(1);
    let (ledger, first) = taken(&fixture, &talk).await;
    settle(&ledger, &first).await;

    queue(&ledger, &talk, vec![replacement(&talk)]).await;

    let again = due(&ledger).await;
    assert_eq!((texts(&again), again[0].tries), (vec!["a, corrected"], 1));
    assert!(!settle(&ledger, &first).await);
    assert!(settle(&ledger, &again[0]).await);
}

pub async fn backlog_counts_what_waits(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let empty = ledger.memory_queue.backlog().await.unwrap();
    queue(&ledger, &talk, ["a", "b", "c"].map(|text| talk.memory(text)).to_vec()).await;
    let taken = due(&ledger).await;
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

    ledger.clock.advance(AFTER_TTL).await;
    let due = due(&ledger).await;
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

    let due = due(&ledger).await;
    let due: Vec<_> = due.into_iter().map(|due| due.write).collect();
    assert_eq!(due, [good.memory("good")]);
    assert_eq!(ledger.memory_queue.backlog().await.unwrap(), 1);
    let letters = ledger.published(Topic::MemoryWalDlq).await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].key, bad.session_id.to_string());
}

pub async fn many_writes_are_settled_at_once_each_by_its_outcome(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let writes = (0..90).map(|number| talk.memory(&format!("{number}"))).collect();
    queue(&ledger, &talk, writes).await;
    let taken = due(&ledger).await;
    let outcome = |place: usize| match place % 3 {
        0 => WriteOutcome::Made(NOW),
        1 => WriteOutcome::PutOff(Duration::from_mins(1)),
        _ => WriteOutcome::Refused(talk.letter(&format!("refused {place}"))),
    };
    let settlements = (0..).zip(&taken);
    let settlements = settlements
        .map(|(place, due)| SettledWrite { due: due.clone(), outcome: outcome(place) })
        .collect::<Vec<_>>();

    let settled = ledger.memory_queue.settle(&settlements).await.unwrap();

    assert_eq!(settled, [true; 90]);
    assert_eq!(ledger.published(Topic::MemoryWal).await.len(), 30);
    assert_eq!(ledger.published(Topic::ConversationInboundDlq).await.len(), 30);
    assert_eq!(ledger.memory_queue.backlog().await.unwrap(), 30);
    pass(&ledger, 60).await;
    let again = due(&ledger).await;
    let put_off = taken.iter().skip(1).step_by(3).map(|due| due.id);
    assert!(again.iter().map(|due| due.id).eq(put_off), "{:?}", texts(&again));
}

pub async fn settlement_of_one_that_is_lost_settles_the_others(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    queue(&ledger, &talk, ["a", "b", "c"].map(|text| talk.memory(text)).to_vec()).await;
    let mut taken = due(&ledger).await;
    taken[1].token += 1;
    let made = |due: &DueWrite| SettledWrite { due: due.clone(), outcome: WriteOutcome::Made(NOW) };

    let settlements = taken.iter().map(made).collect::<Vec<_>>();
    let settled = ledger.memory_queue.settle(&settlements).await.unwrap();

    assert_eq!(settled, [true, false, true]);
    assert_eq!(ledger.published(Topic::MemoryWal).await.len(), 2);
    assert_eq!(ledger.memory_queue.backlog().await.unwrap(), 1);
}

pub async fn write_that_is_settled_by_many_at_the_same_time_is_settled_once(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let writes = (0..16).map(|number| talk.memory(&format!("{number}"))).collect();
    queue(&ledger, &talk, writes).await;
    let made = |due| SettledWrite { due, outcome: WriteOutcome::Made(NOW) };
    let settlements = due(&ledger).await.into_iter().map(made).collect::<Vec<_>>();

    let asked = (0..8).map(|_| ledger.memory_queue.settle(&settlements));
    let settled = at_once(&fixture, asked).await;

    let mut times = [0; 16];
    for (place, ours) in settled.into_iter().flat_map(|one| one.unwrap().into_iter().enumerate()) {
        times[place] += usize::from(ours);
    }
    assert_eq!(times, [1; 16]);
    assert_eq!(ledger.published(Topic::MemoryWal).await.len(), 16);
}
