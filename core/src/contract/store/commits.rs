//! A commit is applied whole, and once.

use super::super::ledger::Ledger;
use super::super::talk::{Talk, talk};
use super::super::{Fixture, at_once};
use super::sight::{Sight, sight};
use crate::conversation::event::Seq;
use crate::digest::Digest32;
use crate::outbox::topic::Topic;
use crate::policy::{Action, Decision};
use crate::tool::CallChange;
use crate::work::commit::{Commit, CommitOutcome};
use crate::work::session::TurnState;

/// A commit of everything that a commit can hold, for a session without turns.
pub(super) fn everything(talk: &Talk) -> Commit {
    let decision = Decision {
        action: Action::ConversationSend,
        resource: "message".into(),
        allow: true,
        reasons: Vec::new(),
        input: Digest32::of(b"input"),
        bundle: Some(Digest32::of(b"bundle")),
    };
    let accepted = talk.accepts(1);
    Commit {
        request: Some(talk.request("key", "asked", 1)),
        calls: vec![CallChange::Request { turn_id: Some(talk.turn(1)), call: talk.tool_call(0) }],
        usage: vec![talk.reserves(1, 100)],
        memory: vec![talk.memory("message 1")],
        decisions: vec![decision],
        dead: vec![talk.letter("bad")],
        ..accepted
    }
}

pub async fn commit_is_applied_whole(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));

    let events = ledger.commit(everything(&talk)).await;

    let Sight { session, events: read, turns, calls, outbox, memories, spent } =
        sight(&ledger, &talk).await;
    assert_eq!(read, events);
    assert_eq!((read.len(), calls.len(), memories, spent.reserved), (1, 1, 1, 100));
    assert_eq!(session.map(|session| session.turns_accepted), Some(1));
    assert_eq!(turns[0].as_ref().map(|turn| turn.state), Some(TurnState::Accepted));
    let mut topics = outbox.iter().map(|row| row.messages[0].topic).collect::<Vec<_>>();
    topics.sort();
    let expected =
        [Topic::ConversationInbound, Topic::ConversationOutbound, Topic::ConversationInboundDlq];
    assert_eq!(topics, expected);
}

pub async fn repeated_commit_is_already_done_and_tells_its_events(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.commit(talk.says("before")).await;
    let commit = Commit { events: vec![talk.said("a"), talk.said("b")], ..talk.commit() };
    let events = ledger.commit(commit.clone()).await;

    let again = ledger.store.commit(commit).await.unwrap();

    assert_eq!(again, CommitOutcome::AlreadyDone(events));
}

/// After a lost reply everything that the commit was checked against has moved on, by itself.
pub async fn repetition_is_recognised_before_every_other_check(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let accepts = Commit {
        expected: Some(Seq(0)),
        only_if_idle: true,
        request: Some(talk.request("key", "asked", 1)),
        ..talk.accepts(1)
    };
    let accepted = ledger.commit(accepts.clone()).await;
    let accepts_again = ledger.store.commit(accepts).await.unwrap();
    let ended = ledger.commit(talk.ends(1)).await;

    let ends_again = ledger.store.commit(talk.ends(1)).await.unwrap();

    assert_eq!(accepts_again, CommitOutcome::AlreadyDone(accepted));
    assert_eq!(ends_again, CommitOutcome::AlreadyDone(ended));
}

pub async fn repeated_progress_is_already_done_without_events_too(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.commit(talk.accepts(1)).await;
    ledger.commit(talk.progresses(1, 1, TurnState::Ready)).await;

    let again = ledger.store.commit(talk.progresses(1, 1, TurnState::Waiting)).await.unwrap();

    assert_eq!(again, CommitOutcome::AlreadyDone(Vec::new()));
    let turn = ledger.store.turn(talk.turn(1)).await.unwrap().unwrap();
    assert_eq!((turn.inputs.len(), turn.state), (2, TurnState::Ready));
}

pub async fn already_done_adds_nothing(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.commit(talk.says("a")).await;
    let before = sight(&ledger, &talk).await;
    let half = Commit { events: vec![talk.said("a")], ..everything(&talk) };

    let outcome = ledger.store.commit(half).await.unwrap();

    assert_eq!(outcome, CommitOutcome::AlreadyDone(before.events.clone()));
    assert_eq!(sight(&ledger, &talk).await, before);
}

pub async fn commit_of_which_one_event_is_recorded_is_already_done(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let recorded = ledger.commit(talk.says("b")).await;
    let both = Commit { events: vec![talk.said("a"), talk.said("b")], ..talk.commit() };

    let outcome = ledger.store.commit(both).await.unwrap();

    assert_eq!(outcome, CommitOutcome::AlreadyDone(recorded.clone()));
    assert_eq!(ledger.events(&talk).await, recorded);
}

pub async fn repetitions_at_the_same_time_are_applied_once(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let repetitions = (0..16).map(|_| ledger.store.commit(talk.accepts(1)));

    let outcomes = at_once(&fixture, repetitions).await;

    let applied = outcomes.into_iter().filter(|outcome| {
        let outcome = outcome.as_ref().unwrap();
        let applied = matches!(outcome, CommitOutcome::Committed(_));
        assert!(applied || matches!(outcome, CommitOutcome::AlreadyDone(_)), "{outcome:?}");
        applied
    });
    assert_eq!(applied.count(), 1, "one is applied, the others were done already");
    assert_eq!(ledger.events(&talk).await.len(), 1);
    assert_eq!(ledger.session(&talk).await.turns_accepted, 1);
}
