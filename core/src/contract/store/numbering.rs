//! Events are numbered without a gap, chained, and read as they were recorded.

use serde_json::{Value, json};

use super::super::ledger::{Ledger, MANY};
use super::super::talk::{Talk, talk};
use super::super::{Fixture, at_once};
use crate::conversation::chain::{Chain, Link};
use crate::conversation::event::{Event, EventType, NewEvent, Seq};
use crate::work::commit::Commit;
use crate::work::session::EventRange;

fn numbers(events: &[Event]) -> Vec<u64> {
    events.iter().map(|event| event.seq.0).collect()
}

async fn assert_chained(ledger: &Ledger, talk: &Talk) {
    let mut chain = Chain::new(talk.session_id);
    for event in ledger.events(talk).await {
        chain.verify(&Link::of(&event), event.hash).unwrap();
    }
    assert_eq!(ledger.session(talk).await.chain, chain);
}

pub async fn events_are_numbered_from_one_without_a_gap(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));

    let first = ledger.commit(talk.says("a")).await;
    let two = Commit { events: vec![talk.said("b"), talk.said("c")], ..talk.commit() };
    let second = ledger.commit(two).await;
    ledger.commit(talk.commit()).await;
    let third = ledger.commit(talk.says("d")).await;

    let answered = [numbers(&first), numbers(&second), numbers(&third)];
    assert_eq!(answered, [vec![1], vec![2, 3], vec![4]]);
    assert_eq!(ledger.session(&talk).await.chain.count, Seq(4));
}

pub async fn chain_of_events_verifies(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.commit(talk.commit()).await;
    assert_chained(&ledger, &talk).await;

    ledger.commit(talk.accepts(1)).await;
    ledger.commit(talk.ends(1)).await;

    assert_chained(&ledger, &talk).await;
}

pub async fn terminal_event_states_the_chain_before_it(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.commit(talk.accepts(1)).await;
    let before = ledger.session(&talk).await.chain;

    let ended = ledger.commit(talk.ends(1)).await;

    let stated = ended[0].metadata.get("chain").cloned();
    assert_eq!(stated, Some(json!({"count": before.count, "head": before.head})));
    assert_eq!(ledger.events(&talk).await[1], ended[0]);
}

pub async fn commits_at_the_same_time_are_numbered_densely_and_chained(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let commits = (0..16).map(|number| {
        let events = vec![talk.said(&format!("{number}a")), talk.said(&format!("{number}b"))];
        ledger.commit(Commit { events, ..talk.commit() })
    });

    let answered = at_once(&fixture, commits).await;

    let mut all = answered.iter().flat_map(|events| numbers(events)).collect::<Vec<_>>();
    assert!(answered.iter().all(|events| events[0].seq.next() == events[1].seq), "{all:?}");
    all.sort_unstable();
    assert_eq!(all, (1..=32).collect::<Vec<_>>(), "no gap and no number twice");
    assert_chained(&ledger, &talk).await;
}

async fn read(ledger: &Ledger, talk: &Talk, range: EventRange, limit: usize) -> Vec<u64> {
    let events = ledger.store.events(&talk.tenant, talk.session_id, range, limit);
    numbers(&events.await.unwrap())
}

pub async fn events_are_read_after_a_number_oldest_first(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let events = ["a", "b", "c", "d", "e"].map(|text| talk.said(text)).to_vec();
    ledger.commit(Commit { events, ..talk.commit() }).await;

    let after = |seq| EventRange::After(Seq(seq));
    let found = [
        read(&ledger, &talk, after(0), MANY).await,
        read(&ledger, &talk, after(2), 2).await,
        read(&ledger, &talk, after(5), MANY).await,
        read(&ledger, &talk, after(u64::MAX >> 1), MANY).await,
    ];

    assert_eq!(found, [vec![1, 2, 3, 4, 5], vec![3, 4], vec![], vec![]]);
}

pub async fn events_are_read_before_a_number_newest_first(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let events = ["a", "b", "c", "d", "e"].map(|text| talk.said(text)).to_vec();
    ledger.commit(Commit { events, ..talk.commit() }).await;

    let before = |seq| EventRange::Before(Seq(seq));
    let found = [
        read(&ledger, &talk, before(u64::MAX >> 1), MANY).await,
        read(&ledger, &talk, before(5), 2).await,
        read(&ledger, &talk, before(1), MANY).await,
    ];

    assert_eq!(found, [vec![5, 4, 3, 2, 1], vec![4, 3], vec![]]);
}

pub async fn history_is_read_without_what_is_between(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let kinds = [
        EventType::UserMessage,
        EventType::AssistantStarted,
        EventType::ToolRequested,
        EventType::ToolStart,
        EventType::ToolResult,
        EventType::AssistantThinking,
        EventType::ContextRecalled,
        EventType::AssistantFinal,
        EventType::SessionReset,
        EventType::TurnFailed,
    ];
    let said = |kind| NewEvent { kind, ..talk.said(&format!("{kind:?}")) };
    ledger.commit(Commit { events: kinds.map(said).to_vec(), ..talk.commit() }).await;

    let history = |seq| EventRange::HistoryBefore(Seq(seq));
    let found = [
        read(&ledger, &talk, history(u64::MAX >> 1), MANY).await,
        read(&ledger, &talk, history(9), 2).await,
        read(&ledger, &talk, history(1), MANY).await,
    ];

    assert_eq!(found, [vec![10, 9, 8, 5, 3, 1], vec![8, 5], vec![]]);
}

/// What comes back altered by one bit breaks the chain for every client.
pub async fn any_text_and_number_comes_back_unaltered(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let strange =
        "nul \0, quote ' \" \\u0000 \\, line \r\n\u{2028}, \u{feff}é e\u{301} 👩‍👩‍👧 \u{10ffff}";
    let Value::Object(metadata) = json!({
        strange: strange,
        "floats": [0.1, 1e300, -0.25, 2.225_073_858_507_201_4e-308, 51.248_178_375_505_404],
        "integers": [i64::MIN, u64::MAX],
        "nested": {"": [null, true, {}]},
    }) else {
        unreachable!("the literal is an object")
    };
    let event = NewEvent { message: strange.into(), metadata, ..talk.said("strange") };

    let answered = ledger.commit(Commit { events: vec![event], ..talk.commit() }).await;

    assert_eq!(answered[0].message, strange);
    assert_eq!(ledger.events(&talk).await, answered);
    assert_chained(&ledger, &talk).await;
}
