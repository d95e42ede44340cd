//! Redriving and dropping: once, whole, and never what was not kept whole.

use futures_util::future::join;
use uuid::Uuid;

use super::super::ledger::{Ledger, MANY, NOW, at, owner};
use super::super::talk::{talk, text};
use super::super::{Fixture, at_once};
use super::{all, ids, letter, letters, sent, set_aside};
use crate::outbox::dead::{DeadLetter, Origin};
use crate::outbox::redrive::NotRedrivable;
use crate::outbox::topic::Topic;
use crate::ports::dead_letters::Redriven;

const INBOUND: Topic = Topic::ConversationInbound;

pub async fn redriven_letter_is_in_the_outbox_as_it_was_sent_and_no_letter_any_more(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let nobodys = DeadLetter { tenant: None, ..letter(&talk, Topic::MemoryWal, "b") };
    let letters = [letter(&talk, INBOUND, "a"), nobodys.clone()];
    set_aside(&ledger, &talk, letters).await;

    let redriven = ledger.dead_letters.redrive(&ids(&all(&ledger).await), at(5)).await.unwrap();

    assert_eq!(redriven, [Redriven::Done, Redriven::Done]);
    assert_eq!(all(&ledger).await, []);
    assert_eq!(ledger.published(INBOUND).await, [sent(&talk, INBOUND, "a")]);
    let rows = ledger.pending().await;
    let row = rows.iter().find(|row| row.messages[0].topic == INBOUND).unwrap();
    assert_eq!(row.created_at, at(5));
    let again = &ledger.published(Topic::MemoryWal).await[0];
    assert_eq!((again.key.as_str(), text(again).as_str()), (nobodys.key.as_str(), "b"));
}

pub async fn memory_write_that_is_redriven_is_due_again(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let write = talk.memory("hello");
    let refused = DeadLetter {
        topic: Topic::MemoryWal,
        partition: None,
        offset: None,
        origin: Origin::MemoryWrite,
        ..talk.letter(&serde_json::to_string(&write).unwrap())
    };
    set_aside(&ledger, &talk, [refused]).await;

    let redriven = ledger.dead_letters.redrive(&ids(&all(&ledger).await), NOW).await.unwrap();

    assert_eq!(redriven, [Redriven::Done]);
    assert_eq!(all(&ledger).await, []);
    assert_eq!(ledger.published(Topic::MemoryWal).await, []);
    let lanes = ledger.memory_lanes(owner(1)).await;
    let due = ledger.memory_queue.due(&lanes, MANY).await.unwrap();
    assert_eq!(due.into_iter().map(|due| due.write).collect::<Vec<_>>(), [write]);
}

pub async fn letters_that_are_redriven_together_keep_their_order(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    set_aside(&ledger, &talk, ["a", "b", "c"].map(|text| letter(&talk, INBOUND, text))).await;
    let mut ids = ids(&all(&ledger).await);
    ids.reverse();

    ledger.dead_letters.redrive(&ids, NOW).await.unwrap();

    let sent = ledger.published(INBOUND).await;
    assert_eq!(sent.iter().map(text).collect::<Vec<_>>(), ["a", "b", "c"]);
}

pub async fn second_redrive_does_nothing_and_says_so(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    set_aside(&ledger, &talk, [letter(&talk, INBOUND, "a")]).await;
    let id = all(&ledger).await[0].id;
    let never = Uuid::from_u128(7);

    let first = ledger.dead_letters.redrive(&[id, id], NOW).await.unwrap();
    let second = ledger.dead_letters.redrive(&[never, id], NOW).await.unwrap();

    assert_eq!(first, [Redriven::Done, Redriven::Gone]);
    assert_eq!(second, [Redriven::Gone, Redriven::Gone]);
    assert_eq!(ledger.published(INBOUND).await.len(), 1);
}

pub async fn redrives_at_the_same_time_send_it_once(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let texts: Vec<String> = (0..8).map(|number| number.to_string()).collect();
    set_aside(&ledger, &talk, texts.iter().map(|text| letter(&talk, INBOUND, text))).await;
    let ids = ids(&all(&ledger).await);

    // Each in an order of its own.
    let askers = (0..6).map(async |shift: usize| {
        let mut ids = ids.clone();
        ids.rotate_left(shift);
        ledger.dead_letters.redrive(&ids, NOW).await.unwrap()
    });
    let redriven: Vec<Redriven> = at_once(&fixture, askers).await.into_iter().flatten().collect();

    let done = redriven.iter().filter(|one| **one == Redriven::Done).count();
    let gone = redriven.iter().filter(|one| **one == Redriven::Gone).count();
    assert_eq!((done, gone), (8, 40));
    let sent = ledger.published(INBOUND).await;
    assert_eq!(sent.iter().map(text).collect::<Vec<_>>(), texts);
}

pub async fn letter_that_cannot_be_redriven_stays_and_the_others_go(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let with = |origin, text| DeadLetter { origin, ..letter(&talk, INBOUND, text) };
    let set = [
        with(Origin::Cut, "cut"),
        letter(&talk, INBOUND, "whole"),
        with(Origin::Altered, "altered"),
        with(Origin::State, "state"),
    ];
    set_aside(&ledger, &talk, set.clone()).await;

    let redriven = ledger.dead_letters.redrive(&ids(&all(&ledger).await), NOW).await.unwrap();

    let expected = [
        Redriven::Refused(NotRedrivable::Cut),
        Redriven::Done,
        Redriven::Refused(NotRedrivable::Altered),
        Redriven::Refused(NotRedrivable::NoMessage),
    ];
    assert_eq!(redriven, expected);
    let [cut, _, altered, state] = set;
    assert_eq!(letters(&all(&ledger).await), [cut, altered, state]);
    assert_eq!(ledger.published(INBOUND).await.len(), 1);
}

pub async fn what_is_set_aside_again_is_a_new_letter(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    // One of a record, which has another offset when it comes again, and one of a row, which has none.
    let record = letter(&talk, INBOUND, "record");
    let row = DeadLetter { partition: None, offset: None, ..letter(&talk, INBOUND, "row") };
    set_aside(&ledger, &talk, [record.clone(), row.clone(), letter(&talk, INBOUND, "last")]).await;
    let before = all(&ledger).await;
    ledger.dead_letters.redrive(&[record.id(), row.id()], NOW).await.unwrap();

    let again = DeadLetter { offset: Some(8), ..record };
    set_aside(&ledger, &talk, [again.clone(), row.clone()]).await;

    let after = all(&ledger).await;
    assert_eq!(letters(&after[1..]), [again, row]);
    assert_eq!(after[0], before[2]);
    let redriven = ledger.dead_letters.redrive(&ids(&after), NOW).await.unwrap();
    assert_eq!(redriven, [Redriven::Done; 3]);
    assert_eq!(ledger.published(INBOUND).await.len(), 5);
}

pub async fn dropped_letter_is_gone_for_good(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    set_aside(&ledger, &talk, ["a", "b"].map(|text| letter(&talk, INBOUND, text))).await;
    let kept = all(&ledger).await;
    let (id, never) = (kept[0].id, Uuid::from_u128(7));

    let dropped = ledger.dead_letters.drop_letters(&[never, id, id]).await.unwrap();
    let again = ledger.dead_letters.drop_letters(&[id]).await.unwrap();
    let redriven = ledger.dead_letters.redrive(&[id], NOW).await.unwrap();

    assert_eq!((dropped, again), (vec![false, true, false], vec![false]));
    assert_eq!(redriven, [Redriven::Gone]);
    assert_eq!(all(&ledger).await, kept[1..]);
    assert_eq!(ledger.published(INBOUND).await, []);
}

/// Whichever of the two comes first.
pub async fn redriven_letter_of_an_erased_session_is_not_sent(
    fixture: impl Fixture<Port = Ledger>,
) {
    let ledger = fixture.open().await;
    for number in 1..=10 {
        let talk = talk(number);
        set_aside(&ledger, &talk, [letter(&talk, INBOUND, "a")]).await;
        let ids = ids(&all(&ledger).await);

        let redrive = ledger.dead_letters.redrive(&ids, NOW);
        let erase = ledger.store.erase(&talk.tenant, talk.session_id, NOW);
        let (redriven, erased) = join(redrive, erase).await;

        assert!(redriven.is_ok() && erased.unwrap());
        assert_eq!(all(&ledger).await, []);
        assert_eq!(ledger.pending().await, []);
    }
}
