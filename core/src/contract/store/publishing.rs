//! What a commit leaves in the outbox.

use super::super::Fixture;
use super::super::ledger::Ledger;
use super::super::talk::talk;
use crate::outbox::lane::Lane;
use crate::outbox::message::OutboxMessage;
use crate::outbox::topic::Topic;
use crate::work::commit::Commit;
use crate::work::lease::Resource;

pub async fn every_event_is_published(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let two = Commit { events: vec![talk.said("a"), talk.said("b")], ..talk.commit() };

    let events = ledger.commit(two).await;

    let publications = events.iter().map(|event| OutboxMessage::event(&talk.tenant, event));
    let published = ledger.published(Topic::ConversationOutbound).await;
    assert_eq!(published, publications.collect::<Vec<_>>());
}

pub async fn message_carries_the_number_of_its_event(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.commit(talk.says("before")).await;

    ledger.commit(talk.accepts(1)).await;

    let inbound = ledger.published(Topic::ConversationInbound).await;
    assert_eq!(inbound[0].payload.get("seq"), Some(&2.into()), "{inbound:?}");
}

pub async fn known_message_is_skipped_and_the_rest_applied(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let known = talk.message(Topic::ToolRequests, "known");
    ledger.commit(Commit { outbox: vec![known.clone()], ..talk.commit() }).await;
    let new = talk.message(Topic::ToolRequests, "new");

    let outbox = vec![known.clone(), new.clone(), new.clone()];
    ledger.commit(Commit { outbox, ..talk.says("a") }).await;

    assert_eq!(ledger.published(Topic::ToolRequests).await, [known, new]);
    assert_eq!(ledger.events(&talk).await.len(), 1);
}

pub async fn message_is_known_after_it_was_published(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let message = talk.message(Topic::ToolRequests, "once");
    let commit = Commit { outbox: vec![message.clone()], ..talk.commit() };
    ledger.commit(commit.clone()).await;
    let lease = ledger.lease(&Resource::Lane(Lane::of(&message.key))).await;
    let ids = ledger.pending().await.into_iter().map(|row| row.id).collect::<Vec<_>>();
    assert!(ledger.outbox.settle(&lease, &ids).await.unwrap());

    ledger.commit(commit).await;

    assert_eq!(ledger.pending().await, []);
}

pub async fn same_key_on_another_topic_is_another_message(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let one = talk.message(Topic::ToolRequests, "same");
    let other = talk.message(Topic::ToolResults, "same");

    ledger.commit(Commit { outbox: vec![one.clone(), other.clone()], ..talk.commit() }).await;

    assert_eq!(ledger.published(Topic::ToolRequests).await, [one]);
    assert_eq!(ledger.published(Topic::ToolResults).await, [other]);
}

pub async fn dead_letter_of_a_commit_is_published(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let letter = talk.letter("bad \0 bytes");

    ledger.commit(Commit { dead: vec![letter.clone()], ..talk.commit() }).await;
    ledger.commit(Commit { dead: vec![letter.clone()], ..talk.commit() }).await;

    let published = ledger.published(Topic::ConversationInboundDlq).await;
    assert_eq!(published, [letter.message(&talk.tenant)]);
}
