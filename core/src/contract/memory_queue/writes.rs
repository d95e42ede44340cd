//! Cases about writes.

use std::time::Duration;

use super::holder::Holder;
use super::{due, pass, queue};
use crate::contract::Fixture;
use crate::contract::damage::Damaged;
use crate::contract::ledger::{Ledger, NOW, at};
use crate::contract::talk::{Talk, talk, trace};
use crate::memory::{MemoryWrite, WalEvent};
use crate::outbox::message::encode;
use crate::outbox::topic::Topic;
use crate::ports::memory_queue::{DueWrite, SettledWrite, WriteOutcome};
use crate::work::commit::Commit;

/// A queue with one write.
async fn with_one_write(fixture: &impl Fixture<Port = Ledger>, talk: &Talk) -> Ledger {
    let ledger = fixture.open().await;
    queue(&ledger, talk, vec![talk.memory("a")]).await;
    ledger
}

/// Someone who holds every lane, and the first write that is due.
async fn taken(ledger: &Ledger) -> (Holder<'_>, DueWrite) {
    let holder = Holder::new(ledger, 1).await;
    let due = holder.due().await.remove(0);
    (holder, due)
}

fn wal(due: &DueWrite) -> WalEvent {
    WalEvent::new(due.write.clone(), NOW)
}

fn texts(due: &[DueWrite]) -> Vec<&str> {
    due.iter().map(|due| due.write.text.as_str()).collect()
}

pub async fn write_is_due_at_once_and_until_it_is_settled(fixture: impl Fixture<Port = Ledger>) {
    let talk = talk(1);
    let ledger = with_one_write(&fixture, &talk).await;
    let holder = Holder::new(&ledger, 1).await;

    let first = holder.due().await;
    let second = holder.due().await;

    let DueWrite { write, tries, version, trace, .. } = &first[0];
    assert_eq!((write, *tries, *version), (&talk.memory("a"), 1, 0));
    assert_eq!(*trace, None, "the commit belongs to none");
    assert_eq!(second, first);
}

pub async fn writes_are_due_oldest_first(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    for (seconds, text) in (0..).zip(["c", "a", "b"]) {
        let memory = vec![talk.memory(text)];
        ledger.commit(Commit { memory, at: at(seconds), ..talk.commit() }).await;
    }
    let holder = Holder::new(&ledger, 1).await;

    let two = holder.at_most(2).await;
    for due in &two {
        holder.made(due).await;
    }
    let rest = holder.due().await;

    assert_eq!((texts(&two), texts(&rest)), (vec!["c", "a"], vec!["b"]));
}

pub async fn settled_write_is_gone_and_its_record_published(fixture: impl Fixture<Port = Ledger>) {
    let talk = talk(1);
    let ledger = with_one_write(&fixture, &talk).await;
    let (holder, taken) = taken(&ledger).await;

    let settled = holder.made(&taken).await;

    assert!(settled);
    pass(&ledger, 3_600).await;
    assert_eq!(holder.due().await, []);
    let published = ledger.published(Topic::MemoryWal).await;
    let payloads = published.iter().map(|message| message.payload.clone());
    assert_eq!(payloads.collect::<Vec<_>>(), [encode(&wal(&taken))]);
    assert_eq!(published[0].key, talk.session_id.to_string());
    assert_eq!(published[0].tenant, talk.tenant);
}

pub async fn record_of_a_write_carries_the_trace_of_the_commit_that_left_it(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let trace = trace();
    let memory = vec![talk.memory("a"), talk.memory("b")];
    ledger.commit(Commit { memory, trace: trace.clone(), ..talk.commit() }).await;
    // What replaces a write belongs to another trace, or to none.
    queue(&ledger, &talk, vec![talk.memory("b")]).await;
    let holder = Holder::new(&ledger, 1).await;

    for due in holder.due().await {
        holder.made(&due).await;
    }

    let published = ledger.published(Topic::MemoryWal).await;
    let traces: Vec<_> = published.into_iter().map(|message| message.trace).collect();
    assert_eq!(traces, [trace, None]);
}

pub async fn write_that_failed_is_due_again_at_its_time(fixture: impl Fixture<Port = Ledger>) {
    let ledger = with_one_write(&fixture, &talk(1)).await;
    let (holder, taken) = taken(&ledger).await;

    let put_off = holder.put_off(&taken, 100).await;

    pass(&ledger, 99).await;
    let early = holder.due().await;
    pass(&ledger, 1).await;
    let late = holder.due().await;
    assert!(put_off);
    assert_eq!(early, []);
    assert_eq!(late, [DueWrite { tries: 2, ..taken }]);
}

/// Also if the reply is lost, and it is said again.
pub async fn each_time_that_a_write_is_put_off_is_a_try(fixture: impl Fixture<Port = Ledger>) {
    let ledger = with_one_write(&fixture, &talk(1)).await;
    let (holder, mut taken) = taken(&ledger).await;

    for tries in 2..5 {
        holder.put_off(&taken, 1).await;
        holder.put_off(&taken, 1).await;
        pass(&ledger, 1).await;
        taken = holder.due().await.remove(0);
        assert_eq!(taken.tries, tries);
    }
}

pub async fn refused_write_is_a_dead_letter(fixture: impl Fixture<Port = Ledger>) {
    let talk = talk(1);
    let ledger = with_one_write(&fixture, &talk).await;
    let (holder, taken) = taken(&ledger).await;
    let letter = talk.letter("refused");

    let dead_lettered = holder.settle_as(&taken, WriteOutcome::Refused(letter.clone())).await;

    assert!(dead_lettered);
    pass(&ledger, 3_600).await;
    assert_eq!(holder.due().await, []);
    let dead = ledger.published(Topic::ConversationInboundDlq).await;
    assert_eq!(dead, [letter.message(&talk.tenant)]);
    assert_eq!(ledger.published(Topic::MemoryWal).await, []);
}

fn replacement(talk: &Talk) -> MemoryWrite {
    MemoryWrite { text: "a, corrected".into(), ..talk.memory("a") }
}

pub async fn write_with_a_key_that_is_queued_replaces_it(fixture: impl Fixture<Port = Ledger>) {
    let talk = talk(1);
    let ledger = with_one_write(&fixture, &talk).await;
    let (holder, older) = taken(&ledger).await;

    queue(&ledger, &talk, vec![replacement(&talk)]).await;

    assert_eq!(ledger.memory_queue.backlog().await.unwrap(), 1);
    let due = holder.due().await;
    assert_eq!(due, [DueWrite { version: 1, write: replacement(&talk), ..older }]);
}

pub async fn write_that_was_replaced_while_it_was_made_is_made_again(
    fixture: impl Fixture<Port = Ledger>,
) {
    let talk = talk(1);
    let ledger = with_one_write(&fixture, &talk).await;
    let (holder, older) = taken(&ledger).await;
    queue(&ledger, &talk, vec![replacement(&talk)]).await;

    let settled = holder.made(&older).await;

    let again = holder.due().await;
    assert!(!settled);
    assert_eq!(texts(&again), ["a, corrected"]);
    assert!(holder.made(&again[0]).await);
    assert_eq!(ledger.published(Topic::MemoryWal).await.len(), 1);
}

pub async fn write_that_was_replaced_is_neither_put_off_nor_refused(
    fixture: impl Fixture<Port = Ledger>,
) {
    let talk = talk(1);
    let ledger = with_one_write(&fixture, &talk).await;
    let (holder, older) = taken(&ledger).await;
    queue(&ledger, &talk, vec![replacement(&talk)]).await;

    let put_off = holder.put_off(&older, 60).await;
    let refused = holder.settle_as(&older, WriteOutcome::Refused(talk.letter("refused"))).await;

    assert_eq!([put_off, refused], [false; 2]);
    assert_eq!(ledger.pending().await, []);
    let due = holder.due().await;
    assert_eq!((texts(&due), due[0].tries), (vec!["a, corrected"], 1));
}

pub async fn write_that_replaces_one_that_was_put_off_is_due_at_once(
    fixture: impl Fixture<Port = Ledger>,
) {
    let talk = talk(1);
    let ledger = with_one_write(&fixture, &talk).await;
    let (holder, older) = taken(&ledger).await;
    holder.put_off(&older, 3_600).await;

    queue(&ledger, &talk, vec![replacement(&talk)]).await;

    let due = holder.due().await;
    assert_eq!((texts(&due), due[0].tries), (vec!["a, corrected"], 1));
}

pub async fn write_that_was_made_can_be_queued_again(fixture: impl Fixture<Port = Ledger>) {
    let talk = talk(1);
    let ledger = with_one_write(&fixture, &talk).await;
    let (holder, first) = taken(&ledger).await;
    holder.made(&first).await;

    queue(&ledger, &talk, vec![replacement(&talk)]).await;

    let again = holder.due().await;
    assert_eq!((texts(&again), again[0].tries), (vec!["a, corrected"], 1));
    assert!(!holder.made(&first).await);
    assert!(holder.made(&again[0]).await);
}

pub async fn backlog_counts_what_waits(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let empty = ledger.memory_queue.backlog().await.unwrap();
    queue(&ledger, &talk, ["a", "b", "c"].map(|text| talk.memory(text)).to_vec()).await;
    let holder = Holder::new(&ledger, 1).await;
    let due = holder.due().await;

    holder.put_off(&due[0], 60).await;
    let put_off = ledger.memory_queue.backlog().await.unwrap();
    holder.made(&due[1]).await;

    assert_eq!((empty, put_off), (0, 3));
    assert_eq!(ledger.memory_queue.backlog().await.unwrap(), 2);
}

pub async fn writes_survive_a_restart<F: Fixture<Port = Ledger>>(fixture: F) {
    let ledger = with_one_write(&fixture, &talk(1)).await;
    let (holder, taken) = taken(&ledger).await;
    holder.put_off(&taken, 1).await;
    drop(ledger);

    let ledger = fixture.open().await;

    pass(&ledger, 31).await;
    let due = due(&ledger).await;
    let expected = if F::DURABLE { vec![2] } else { Vec::new() };
    assert_eq!(due.iter().map(|due| due.tries).collect::<Vec<_>>(), expected);
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
    let holder = Holder::new(&ledger, 1).await;
    let taken = holder.due().await;
    let outcome = |place: usize| match place % 3 {
        0 => WriteOutcome::Made(NOW),
        1 => WriteOutcome::PutOff(Duration::from_mins(1)),
        _ => WriteOutcome::Refused(talk.letter(&format!("refused {place}"))),
    };
    let settlements = (0..).zip(&taken);
    let settlements = settlements
        .map(|(place, due)| SettledWrite { due: due.clone(), outcome: outcome(place) })
        .collect::<Vec<_>>();

    let settled = holder.settle(&settlements).await;

    assert_eq!(settled, [true; 90]);
    assert_eq!(ledger.published(Topic::MemoryWal).await.len(), 30);
    assert_eq!(ledger.published(Topic::ConversationInboundDlq).await.len(), 30);
    assert_eq!(ledger.memory_queue.backlog().await.unwrap(), 30);
    pass(&ledger, 60).await;
    let again = holder.due().await;
    let put_off = taken.iter().skip(1).step_by(3).map(|due| due.id);
    assert!(again.iter().map(|due| due.id).eq(put_off), "{:?}", texts(&again));
}

pub async fn settlement_of_one_that_is_lost_settles_the_others(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    queue(&ledger, &talk, ["a", "b", "c"].map(|text| talk.memory(text)).to_vec()).await;
    let holder = Holder::new(&ledger, 1).await;
    let mut taken = holder.due().await;
    taken[1].version += 1;
    let made = |due: &DueWrite| SettledWrite { due: due.clone(), outcome: WriteOutcome::Made(NOW) };

    let settlements = taken.iter().map(made).collect::<Vec<_>>();
    let settled = holder.settle(&settlements).await;

    assert_eq!(settled, [true, false, true]);
    assert_eq!(ledger.published(Topic::MemoryWal).await.len(), 2);
    assert_eq!(ledger.memory_queue.backlog().await.unwrap(), 1);
}
