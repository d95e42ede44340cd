//! The ledger of tool calls.

use super::super::Fixture;
use super::super::ledger::Ledger;
use super::super::talk::{Talk, talk};
use crate::outbox::wire::Subject;
use crate::tool::{CallChange, CallRecord, CallState};
use crate::work::commit::Commit;

async fn call(ledger: &Ledger, talk: &Talk, number: usize) -> CallRecord {
    ledger.store.call(talk.call(number)).await.unwrap().unwrap()
}

async fn asked(ledger: &Ledger, talk: &Talk, calls: usize) {
    ledger.ready(talk, 1).await;
    ledger.commit(talk.asks(calls)).await;
}

pub async fn requested_call_is_on_the_ledger_once(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    asked(&ledger, &talk, 1).await;
    ledger.commit(talk.takes_on(0)).await;
    let request = talk.asks(1).calls;

    ledger.commit(Commit { calls: request, ..talk.commit() }).await;

    let expected = CallRecord {
        tenant: talk.tenant.clone(),
        session_id: talk.session_id,
        turn_id: Some(talk.turn(1)),
        call: talk.tool_call(0),
        state: CallState::Claimed,
        tries: 1,
        outcome: None,
        trace: None,
        unreadable: None,
    };
    assert_eq!(ledger.store.open_calls(talk.session_id).await.unwrap(), [expected]);
    assert_eq!(ledger.store.call(talk.call(1)).await.unwrap(), None);
}

pub async fn claim_of_a_call_counts_the_try(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    asked(&ledger, &talk, 2).await;
    ledger.arrive(&talk, Subject::ToolRequest(talk.call(0))).await;

    ledger.commit(talk.takes_on(0)).await;
    ledger.commit(talk.takes_on(0)).await;

    let (first, second) = (call(&ledger, &talk, 0).await, call(&ledger, &talk, 1).await);
    assert_eq!((first.state, first.tries), (CallState::Claimed, 2));
    assert_eq!((second.state, second.tries), (CallState::Requested, 0));
}

pub async fn first_outcome_of_a_call_stands(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    asked(&ledger, &talk, 1).await;
    ledger.commit(talk.finishes(0)).await;

    let outcome = talk.outcome(0, "another");
    let second = Commit { calls: vec![CallChange::Finish { outcome }], ..talk.commit() };
    ledger.commit(second).await;

    let done = call(&ledger, &talk, 0).await;
    assert_eq!((done.state, done.outcome), (CallState::Done, Some(talk.outcome(0, "done"))));
}

pub async fn call_does_not_go_back(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    asked(&ledger, &talk, 1).await;
    ledger.commit(talk.finishes(0)).await;
    ledger.commit(talk.takes_on(0)).await;
    let done = call(&ledger, &talk, 0).await;
    ledger.arrive(&talk, Subject::ToolResult(talk.call(0))).await;

    ledger.commit(talk.takes_on(0)).await;
    ledger.commit(talk.finishes(0)).await;
    ledger.arrive(&talk, Subject::ToolRequest(talk.call(0))).await;

    let delivered = call(&ledger, &talk, 0).await;
    assert_eq!((done.state, done.tries), (CallState::Done, 0));
    assert_eq!((delivered.state, delivered.tries), (CallState::Delivered, 0));
}

pub async fn open_calls_come_in_the_order_they_were_asked_for(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    asked(&ledger, &talk, 5).await;
    ledger.commit(talk.finishes(1)).await;
    ledger.commit(talk.takes_on(3)).await;

    let open = ledger.store.open_calls(talk.session_id).await.unwrap();

    let ids = open.into_iter().map(|call| call.call.call_id).collect::<Vec<_>>();
    assert_eq!(ids, [0, 2, 3, 4].map(|number| talk.call(number)));
}

pub async fn turn_shows_its_calls(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    asked(&ledger, &talk, 3).await;
    ledger.commit(talk.finishes(2)).await;

    let turn = ledger.store.turn(talk.turn(1)).await.unwrap().unwrap();

    let states = turn.calls.iter().map(|call| (call.call.call_id, call.state));
    let expected = [
        (talk.call(0), CallState::Requested),
        (talk.call(1), CallState::Requested),
        (talk.call(2), CallState::Done),
    ];
    assert_eq!(states.collect::<Vec<_>>(), expected);
}

pub async fn call_of_a_client_belongs_to_no_turn(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.commit(talk.accepts(1)).await;

    let request = CallChange::Request { turn_id: None, call: talk.tool_call(0) };
    ledger.commit(Commit { calls: vec![request], ..talk.commit() }).await;

    assert_eq!(call(&ledger, &talk, 0).await.turn_id, None);
    assert_eq!(ledger.store.turn(talk.turn(1)).await.unwrap().unwrap().calls, []);
    assert_eq!(ledger.store.open_calls(talk.session_id).await.unwrap().len(), 1);
}
