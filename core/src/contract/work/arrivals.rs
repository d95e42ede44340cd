//! What arrives becomes work, or a dead letter.

use super::super::Fixture;
use super::super::ledger::{Ledger, NOW};
use super::super::talk::{Talk, talk, talk_of};
use crate::outbox::topic::Topic;
use crate::outbox::wire::Subject;
use crate::work::commit::WorkKind;
use crate::work::ingest::Arrival;
use crate::work::session::TurnState;

async fn assert_dead(ledger: &Ledger, arrivals: &[Arrival]) {
    let letters = arrivals.iter().map(|arrival| arrival.otherwise.message(&arrival.tenant));
    let published = ledger.published(Topic::ConversationInboundDlq).await;
    assert_eq!(published, letters.collect::<Vec<_>>());
}

pub async fn turn_is_claimed_only_once_its_message_arrived(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.commit(talk.accepts(1)).await;
    let before = ledger.claim(WorkKind::Turns).await;

    ledger.arrive(&talk, Subject::Turn(talk.turn(1))).await;

    let claim = ledger.claim(WorkKind::Turns).await.unwrap();
    assert_eq!(before, None);
    assert_eq!((claim.session_id, claim.turn_id), (talk.session_id, Some(talk.turn(1))));
    assert_eq!((claim.tenant, claim.tries), (talk.tenant, 0));
}

pub async fn second_arrival_of_a_message_changes_nothing(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, waiting, done) = (fixture.open().await, talk(1), talk(2));
    ledger.ready(&waiting, 1).await;
    ledger.commit(waiting.asks(1)).await;
    ledger.ready(&done, 1).await;
    ledger.commit(done.ends(1)).await;

    ledger.arrive(&waiting, Subject::Turn(waiting.turn(1))).await;
    ledger.arrive(&done, Subject::Turn(done.turn(1))).await;

    for (talk, state) in [(&waiting, TurnState::Waiting), (&done, TurnState::Done)] {
        assert_eq!(ledger.store.turn(talk.turn(1)).await.unwrap().unwrap().state, state);
    }
    assert_eq!(ledger.claim(WorkKind::Turns).await, None);
    assert_dead(&ledger, &[]).await;
}

pub async fn arrival_of_an_unknown_turn_is_its_dead_letter(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, known, unknown) = (fixture.open().await, talk(1), talk(2));
    ledger.commit(known.accepts(1)).await;
    let arrivals = [
        known.arrival(Subject::Turn(known.turn(2))),
        unknown.arrival(Subject::Turn(unknown.turn(1))),
    ];

    ledger.ingest(vec![arrivals[0].clone()], NOW).await;
    assert_dead(&ledger, &arrivals[..1]).await;
    ledger.ingest(vec![arrivals[1].clone()], NOW).await;

    let dead = ledger.published(Topic::ConversationInboundDlq).await;
    assert_eq!(dead.len(), 2, "{dead:?}");
}

pub async fn arrival_of_an_erased_session_is_dropped(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, erased) = (fixture.open().await, talk(1));
    ledger.commit(erased.accepts(1)).await;
    ledger.store.erase(&erased.tenant, erased.session_id, NOW).await.unwrap();

    ledger.ingest(vec![erased.arrival(Subject::Turn(erased.turn(1)))], NOW).await;

    assert_dead(&ledger, &[]).await;
}

pub async fn arrival_for_another_tenant_is_its_dead_letter_also_if_the_session_is_erased(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, ours, theirs) = (fixture.open().await, talk_of("acme", 1), talk_of("globex", 1));
    ledger.commit(ours.accepts(1)).await;
    ledger.store.erase(&ours.tenant, ours.session_id, NOW).await.unwrap();
    let arrival = theirs.arrival(Subject::Turn(ours.turn(1)));

    ledger.ingest(vec![arrival.clone()], NOW).await;

    assert_dead(&ledger, &[arrival]).await;
}

pub async fn arrival_for_another_tenant_is_its_dead_letter(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, ours, theirs) = (fixture.open().await, talk_of("acme", 1), talk_of("globex", 1));
    ledger.commit(ours.accepts(1)).await;
    let arrival = theirs.arrival(Subject::Turn(ours.turn(1)));

    ledger.ingest(vec![arrival.clone()], NOW).await;

    assert_dead(&ledger, &[arrival]).await;
    assert_eq!(ledger.claim(WorkKind::Turns).await, None);
}

pub async fn arrival_for_another_session_is_its_dead_letter(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, one, other) = (fixture.open().await, talk(1), talk(2));
    ledger.commit(one.accepts(1)).await;
    ledger.commit(other.accepts(1)).await;
    let arrival = other.arrival(Subject::Turn(one.turn(1)));

    ledger.ingest(vec![arrival.clone()], NOW).await;

    assert_dead(&ledger, &[arrival]).await;
    assert_eq!(ledger.claim(WorkKind::Turns).await, None);
}

pub async fn arrival_of_an_unknown_call_is_its_dead_letter(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.ready(&talk, 1).await;
    let call = talk.call(0);
    let arrivals =
        [Subject::ToolRequest(call), Subject::ToolResult(call)].map(|call| talk.arrival(call));

    ledger.ingest(arrivals.to_vec(), NOW).await;

    assert_dead(&ledger, &arrivals).await;
}

fn known(talk: &Talk) -> Arrival {
    talk.arrival(Subject::Turn(talk.turn(1)))
}

pub async fn known_arrivals_beside_an_unknown_one_are_taken_in(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, first, last) = (fixture.open().await, talk(1), talk(3));
    ledger.commit(first.accepts(1)).await;
    ledger.commit(last.accepts(1)).await;
    let unknown = known(&talk(2));

    ledger.ingest(vec![known(&first), unknown.clone(), known(&last)], NOW).await;

    assert_dead(&ledger, &[unknown]).await;
    assert!(ledger.claim(WorkKind::Turns).await.is_some());
    assert!(ledger.claim(WorkKind::Turns).await.is_some());
}
