//! What a commit leaves in the outbox.

use serde_json::Value;

use super::super::Fixture;
use super::super::ledger::Ledger;
use super::super::talk::{talk, text, trace};
use crate::outbox::message::OutboxMessage;
use crate::outbox::topic::Topic;
use crate::work::commit::Commit;

pub async fn every_event_is_published(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let two = Commit { events: vec![talk.said("a"), talk.said("b")], ..talk.commit() };

    let events = ledger.commit(two).await;

    let publications = events.iter().map(|event| OutboxMessage::event(&talk.tenant, event, None));
    let published = ledger.published(Topic::ConversationOutbound).await;
    assert_eq!(published, publications.collect::<Vec<_>>());
}

pub async fn message_carries_the_number_of_its_event(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.commit(talk.says("before")).await;

    ledger.commit(talk.accepts(1)).await;

    let inbound = ledger.published(Topic::ConversationInbound).await;
    let payload: Value = serde_json::from_slice(&inbound[0].payload).unwrap();
    assert_eq!(payload.get("seq"), Some(&2.into()), "{inbound:?}");
}

pub async fn what_is_published_is_in_the_order_of_commits(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    for number in 0..3 {
        let outbox = vec![talk.message(Topic::ToolRequests, &format!("message {number}"))];
        ledger.commit(Commit { outbox, ..talk.says(&format!("event {number}")) }).await;
    }

    let events = ledger.published(Topic::ConversationOutbound).await;
    let messages = ledger.published(Topic::ToolRequests).await;

    let ids: Vec<_> = events.iter().map(|message| message.event_id).collect();
    let recorded = ledger.events(&talk).await;
    assert_eq!(ids, recorded.iter().map(|event| *event.event_id.as_uuid()).collect::<Vec<_>>());
    let texts: Vec<_> = messages.iter().map(text).collect();
    assert_eq!(texts, ["message 0", "message 1", "message 2"]);
}

pub async fn what_is_published_carries_the_trace_of_its_commit(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let trace = trace();

    ledger.commit(Commit { trace: trace.clone(), ..talk.accepts(1) }).await;
    ledger.commit(talk.accepts(2)).await;

    for topic in [Topic::ConversationOutbound, Topic::ConversationInbound] {
        let published = ledger.published(topic).await;
        let traces: Vec<_> = published.into_iter().map(|message| message.trace).collect();
        assert_eq!(traces, [trace.clone(), None], "{topic}");
    }
}

pub async fn call_keeps_the_trace_of_the_commit_that_requests_it(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let trace = trace();
    ledger.commit(talk.accepts(1)).await;

    ledger.commit(Commit { trace: trace.clone(), ..talk.asks(1) }).await;

    let call = ledger.store.call(talk.call(0)).await.unwrap().unwrap();
    assert_eq!(call.trace, trace);
    assert_eq!(ledger.store.open_calls(talk.session_id).await.unwrap(), [call]);
}

pub async fn dead_letter_of_a_commit_is_published_once(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let letter = talk.letter("bad \0 bytes");

    ledger.commit(Commit { dead: vec![letter.clone()], ..talk.commit() }).await;
    ledger.commit(Commit { dead: vec![letter.clone()], ..talk.commit() }).await;

    let published = ledger.published(Topic::ConversationInboundDlq).await;
    assert_eq!(published, [letter.message(&talk.tenant)]);
}
