//! Seeing letters: as they were set aside, page by page, and how many there are.

use super::super::Fixture;
use super::super::ledger::{Ledger, MANY, NOW, at};
use super::super::talk::{talk, talk_of};
use super::{all, ids, letter, letters, set_aside};
use crate::outbox::dead::{DeadLetter, Origin};
use crate::outbox::topic::Topic;
use crate::ports::dead_letters::{KeptLetter, LetterDepth, LetterRange};

const INBOUND: Topic = Topic::ConversationInbound;
const RESULTS: Topic = Topic::ToolResults;

pub async fn letters_are_listed_as_they_were_set_aside(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, ours, theirs) = (fixture.open().await, talk(1), talk_of("globex", 2));
    let untold = ours.letter("not json");
    let state = DeadLetter {
        partition: None,
        offset: None,
        key: String::new(),
        origin: Origin::State,
        ..ours.letter("{\"turn_id\": \"ключ\"}")
    };
    let record = letter(&theirs, RESULTS, "a");
    set_aside(&ledger, &ours, [untold.clone(), state.clone()]).await;
    set_aside(&ledger, &theirs, [record.clone()]).await;

    let kept = all(&ledger).await;

    assert_eq!(letters(&kept), [untold, state, record]);
    assert!(kept.iter().all(|kept| kept.id == kept.letter.id()));
}

pub async fn letters_of_one_topic_are_listed_alone(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let set = [(INBOUND, "a"), (RESULTS, "b"), (INBOUND, "c")];
    set_aside(&ledger, &talk, set.map(|(topic, text)| letter(&talk, topic, text))).await;
    let list = |topic, range| ledger.dead_letters.list(Some(topic), range, MANY);

    let newest_first = list(INBOUND, LetterRange::Before(None)).await.unwrap();
    let oldest_first = list(RESULTS, LetterRange::After(0)).await.unwrap();
    let none = list(Topic::MemoryWal, LetterRange::Before(None)).await.unwrap();

    let inbound = ["c", "a"].map(|text| letter(&talk, INBOUND, text));
    assert_eq!(letters(&newest_first), inbound);
    assert_eq!(letters(&oldest_first), [letter(&talk, RESULTS, "b")]);
    assert_eq!(none, []);
}

async fn pages(ledger: &Ledger, topic: Option<Topic>, first: LetterRange) -> Vec<KeptLetter> {
    let mut seen: Vec<KeptLetter> = Vec::new();
    loop {
        let range = match (seen.last(), first) {
            (None, first) => first,
            (Some(last), LetterRange::Before(_)) => LetterRange::Before(Some(last.place)),
            (Some(last), LetterRange::After(_)) => LetterRange::After(last.place),
        };
        let page = ledger.dead_letters.list(topic, range, 2).await.unwrap();
        if page.is_empty() {
            return seen;
        }
        assert!(page.len() <= 2);
        seen.extend(page);
    }
}

pub async fn pages_show_every_letter_once_in_either_order(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    for text in ["a", "b", "c", "d", "e"] {
        set_aside(&ledger, &talk, [letter(&talk, INBOUND, text)]).await;
    }
    let expected = all(&ledger).await;
    assert_eq!(expected.len(), 5);

    for topic in [None, Some(INBOUND)] {
        let oldest_first = pages(&ledger, topic, LetterRange::After(0)).await;
        let mut newest_first = pages(&ledger, topic, LetterRange::Before(None)).await;

        newest_first.reverse();
        assert_eq!(oldest_first, expected);
        assert_eq!(newest_first, expected);
    }
}

pub async fn letter_is_found_by_its_id(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let [a, b] = ["a", "b"].map(|text| letter(&talk, INBOUND, text));
    set_aside(&ledger, &talk, [a.clone()]).await;

    let found = ledger.dead_letters.letter(a.id()).await.unwrap();
    let missing = ledger.dead_letters.letter(b.id()).await.unwrap();

    assert_eq!(found.map(|kept| kept.letter), Some(a));
    assert_eq!(missing, None);
}

pub async fn depth_tells_how_many_letters_a_topic_has_and_since_when(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let before = ledger.dead_letters.depth().await.unwrap();
    let late = DeadLetter { at: at(9), ..letter(&talk, INBOUND, "late") };
    let early = letter(&talk, INBOUND, "early");
    set_aside(&ledger, &talk, [late, early, letter(&talk, RESULTS, "x")]).await;

    let mut depth = ledger.dead_letters.depth().await.unwrap();

    depth.sort_by_key(|depth| depth.topic);
    let of = |topic, letters| LetterDepth { topic, letters, oldest: NOW };
    assert_eq!(before, []);
    assert_eq!(depth, [of(INBOUND, 2), of(RESULTS, 1)]);
}

pub async fn letters_of_an_erased_session_are_gone(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, erased, other) = (fixture.open().await, talk(1), talk(2));
    set_aside(&ledger, &erased, [letter(&erased, INBOUND, "a")]).await;
    set_aside(&ledger, &other, [letter(&other, INBOUND, "b")]).await;

    ledger.store.erase(&erased.tenant, erased.session_id, NOW).await.unwrap();

    assert_eq!(letters(&all(&ledger).await), [letter(&other, INBOUND, "b")]);
}

pub async fn letters_survive_a_restart<F: Fixture<Port = Ledger>>(fixture: F) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let set = ["a", "b"].map(|text| letter(&talk, INBOUND, text));
    set_aside(&ledger, &talk, set).await;
    let kept = all(&ledger).await;
    ledger.dead_letters.redrive(&ids(&kept)[..1], NOW).await.unwrap();
    drop(ledger);

    let ledger = fixture.open().await;

    let expected = if F::DURABLE { &kept[1..] } else { &[] };
    assert_eq!(all(&ledger).await, expected);
}
