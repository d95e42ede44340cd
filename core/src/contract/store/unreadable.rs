//! What cannot be read: handed over, so that nothing waits for it for ever.

use super::super::Fixture;
use super::super::damage::Damaged;
use super::super::ledger::{Ledger, MANY};
use super::super::talk::{Talk, talk};
use crate::budget::{Spent, UsageChange};
use crate::conversation::event::{EventType, Seq};
use crate::outbox::wire::Subject;
use crate::tool::{CallState, ToolCall};
use crate::work::commit::{Commit, CommitOutcome, TurnProgress, WorkKind};
use crate::work::session::{EventRange, TurnState};

pub async fn turn_with_an_input_that_cannot_be_read_is_handed_over_with_all_that_is_stored(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.commit(talk.accepts(1)).await;
    ledger.commit(talk.progresses(1, 1, TurnState::Ready)).await;
    let whole = ledger.store.turn(talk.turn(1)).await.unwrap().unwrap();

    ledger.damage.damage(Damaged::LastInput(talk.turn(1))).await;

    let record = ledger.store.turn(talk.turn(1)).await.unwrap().unwrap();
    assert_eq!((record.steps, &record.inputs[..]), (2, &whole.inputs[..1]));
    let unreadable = record.unreadable.unwrap();
    let lines: Vec<&str> = unreadable.raw.lines().collect();
    assert_eq!(lines.len(), 2, "{unreadable:?}");
    assert!(lines[0].contains("message 1"), "{unreadable:?}");
    assert!(!unreadable.error.is_empty());
}

pub async fn turn_that_cannot_be_read_can_be_ended(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.ready(&talk, 1).await;
    ledger.ready(&talk, 2).await;
    ledger.damage.damage(Damaged::LastInput(talk.turn(1))).await;
    let claim = ledger.claim(WorkKind::Turns).await.unwrap();
    assert_eq!(claim.turn_id, Some(talk.turn(1)));
    assert!(claim.turn.is_some_and(|turn| turn.unreadable.is_some()));

    let turn = TurnProgress {
        turn_id: talk.turn(1),
        from_step: 1,
        inputs: Vec::new(),
        state: TurnState::Done,
    };
    let ends = Commit { turn: Some(turn), ..talk.says("It failed.") };
    let outcome = ledger.store.commit(ends).await.unwrap();

    assert!(matches!(outcome, CommitOutcome::Committed(_)), "{outcome:?}");
    assert_eq!(ledger.session(&talk).await.turns_done, 1);
}

/// A result for whoever asks for a call of the first turn, damaged.
async fn damaged_call(fixture: &impl Fixture<Port = Ledger>, talk: &Talk, what: Damaged) -> Ledger {
    let ledger = fixture.open().await;
    ledger.ready(talk, 1).await;
    ledger.commit(talk.asks(2)).await;
    for call in [0, 1] {
        ledger.arrive(talk, Subject::ToolRequest(talk.call(call))).await;
    }
    if matches!(what, Damaged::Outcome(_)) {
        ledger.commit(talk.finishes(0)).await;
    }
    ledger.damage.damage(what).await;
    ledger
}

pub async fn call_that_cannot_be_read_is_handed_over_beside_the_others(
    fixture: impl Fixture<Port = Ledger>,
) {
    let talk = talk(1);
    let ledger = damaged_call(&fixture, &talk, Damaged::Call(talk.call(0))).await;

    let calls = ledger.store.open_calls(talk.session_id).await.unwrap();

    let [first, second] = &calls[..] else { panic!("{calls:?}") };
    assert_eq!(first.call, ToolCall::unknown(talk.call(0)));
    assert_eq!((first.state, first.turn_id), (CallState::Ready, Some(talk.turn(1))));
    assert!(first.unreadable.is_some());
    assert_eq!((&second.call, &second.unreadable), (&talk.tool_call(1), &None));
}

pub async fn outcome_that_cannot_be_read_is_handed_over_with_its_turn(
    fixture: impl Fixture<Port = Ledger>,
) {
    let talk = talk(1);
    let ledger = damaged_call(&fixture, &talk, Damaged::Outcome(talk.call(0))).await;

    let record = ledger.store.turn(talk.turn(1)).await.unwrap().unwrap();
    let open = ledger.store.open_calls(talk.session_id).await.unwrap();

    let first = &record.calls[0];
    assert_eq!((first.state, &first.outcome), (CallState::Done, &None));
    assert!(first.unreadable.is_some());
    assert_eq!((record.unreadable, open.len()), (None, 1));
}

pub async fn event_that_cannot_be_read_hides_no_other(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    for text in ["one", "two", "three"] {
        ledger.commit(talk.says(text)).await;
    }
    let whole = ledger.events(&talk).await;

    ledger.damage.damage(Damaged::Event(talk.session_id, Seq(2))).await;

    let events = ledger.events(&talk).await;
    assert_eq!((&events[0], &events[2]), (&whole[0], &whole[2]));
    assert_eq!((events[1].kind, events[1].seq), (EventType::Unreadable, Seq(2)));
    assert_eq!(events[1].event_id, whole[1].event_id);
    let newest = EventRange::Before(Seq(u64::MAX));
    let backwards = ledger.store.events(&talk.tenant, talk.session_id, newest, MANY).await.unwrap();
    assert_eq!(backwards.into_iter().rev().collect::<Vec<_>>(), events);
}

pub async fn what_a_turn_has_set_aside_is_settled_in_full(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.commit(talk.accepts(1)).await;
    let usage = vec![talk.reserves(1, 40), talk.reserves(2, 50)];
    ledger.commit(Commit { usage, ..talk.commit() }).await;
    let settled = talk.settles(1, 7);
    ledger.commit(Commit { usage: vec![settled], ..talk.commit() }).await;

    let in_full = vec![UsageChange::SettleInFull { turn_id: talk.turn(1) }];
    ledger.commit(Commit { usage: in_full.clone(), ..talk.commit() }).await;
    ledger.commit(Commit { usage: in_full, ..talk.commit() }).await;

    let spent = ledger.spent(&talk).await;
    assert_eq!(spent, Spent { used: 57, reserved: 0 });
}
