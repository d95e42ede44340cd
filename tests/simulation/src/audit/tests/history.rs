//! A whole history in which nothing is wrong.

use std::time::Duration;

use serde_json::json;
use soma_core::contract::ledger::{MANY, NOW};
use soma_core::contract::talk::{Talk, talk};
use soma_core::conversation::event::EventType;
use soma_core::conversation::model::ModelFailure;
use soma_core::memory::WalEvent;
use soma_core::outbox::topic::Topic;
use soma_core::outbox::wire::Subject;
use soma_core::policy::Action;
use soma_core::ports::memory_queue::{SettledWrite, WriteOutcome};
use soma_core::ports::work::Release;
use soma_core::ports::{Memory, MemoryQueue, Replica, Work};
use soma_core::turn::input::{Input, RecordedInput};
use soma_core::work::commit::{Commit, WorkKind};
use soma_core::work::ingest::{Batch, BatchOutcome};
use soma_core::work::session::TurnState;

use super::{Scene, after, allowed, now, partition, under};
use crate::audit::Repeatable;

/// What the only message of the history says.
const TEXT: &str = "message 1";

impl Scene {
    /// A client's message is accepted, and it is told so.
    fn asked(&self, talk: &Talk) {
        let request = talk.request("key", "asked", 1);
        let receipt = request.answer;
        self.commit(Commit { request: Some(request), ..talk.accepts(1) });
        self.audit.acknowledged(&receipt, "key", TEXT, &talk.tenant);
    }

    /// A worker takes the turn up, and asks the model with leave and tokens.
    fn answered(&self, talk: &Talk) {
        let claim = self.claim(WorkKind::Turns);
        let decisions = vec![allowed(Action::ConversationSend), allowed(Action::MemoryWrite)];
        let input = Input::Authorized { decisions: decisions.clone() };
        let mut begins = under(&claim, talk.progresses(1, 1, TurnState::Ready));
        begins.turn.as_mut().unwrap().inputs = vec![RecordedInput { input, at: NOW }];
        begins.decisions = decisions;
        begins.usage = vec![talk.reserves(1, 100)];
        begins.memory = vec![talk.memory(TEXT)];
        self.commit(begins);
        self.audit.model_called(talk.turn(1));
        self.audit.model_used(talk.turn(1), 40);
        self.commit(under(&claim, after(2, talk.asks(1))));
        now(self.ledger.release(&claim, Release::Orderly, Duration::ZERO));
    }

    /// An executor runs the tool that the turn waits for.
    fn tool_ran(&self, talk: &Talk) {
        let claim = self.claim(WorkKind::Calls);
        let decisions = vec![allowed(Action::ToolExecute)];
        self.commit(under(&claim, Commit { decisions, ..talk.takes_on(0) }));
        self.audit.tool_ran(talk.call(0), Repeatable::No);
        let outbox = vec![talk.message(Topic::ToolResults, "result")];
        self.audit.tool_answered(&talk.outcome(0, "done"));
        self.commit(under(&claim, Commit { outbox, ..talk.finishes(0) }));
        now(self.ledger.release(&claim, Release::Orderly, Duration::ZERO));
    }

    /// The turn ends, and what it used is settled.
    fn ended(&self, talk: &Talk) {
        let claim = self.claim(WorkKind::Turns);
        let mut ends = under(&claim, after(3, talk.ends(1)));
        ends.events[0].kind = EventType::TurnFailed;
        ends.events[0].metadata.insert("reason".into(), json!("content_filter"));
        ends.events[0].metadata.insert("usage".into(), json!({"total_tokens": 40}));
        self.audit.model_failed(talk.turn(1), ModelFailure::ContentFilter);
        ends.usage = vec![talk.settles(1, 40)];
        self.commit(ends);
        now(self.ledger.release(&claim, Release::Orderly, Duration::ZERO));
    }

    /// What is due is remembered, and replicated.
    fn remembered(&self) {
        let lanes = self.memory_lanes(1);
        let due = now(self.ledger.due(&lanes, MANY));
        for due in due {
            now(self.memory.remember(std::slice::from_ref(&due.write)));
            let wal = WalEvent::new(due.write.clone(), NOW);
            let made = SettledWrite { due, outcome: WriteOutcome::Made(NOW) };
            assert_eq!(now(MemoryQueue::settle(&self.ledger, &lanes, &[made])), [true]);
            self.relay();
            let lease = self.lease(&partition(Topic::MemoryWal));
            let next_offset = lease.next_offset + 1;
            let (items, dead) = (vec![wal], Vec::new());
            let batch = Batch { lease, next_offset, last: None, at: NOW, items, dead };
            assert_eq!(now(self.ledger.apply(batch)), BatchOutcome::Applied);
        }
    }

    /// All of it.
    pub(super) fn history(&self, talk: &Talk) {
        self.asked(talk);
        self.relay();
        self.arrive(talk, Topic::ConversationInbound, Subject::Turn(talk.turn(1)));
        self.answered(talk);
        self.commit(Commit {
            outbox: vec![talk.message(Topic::ToolRequests, "request")],
            ..talk.commit()
        });
        self.relay();
        self.arrive(talk, Topic::ToolRequests, Subject::ToolRequest(talk.call(0)));
        self.tool_ran(talk);
        self.relay();
        self.arrive(talk, Topic::ToolResults, Subject::ToolResult(talk.call(0)));
        self.ended(talk);
        self.remembered();
        self.relay();
    }
}

#[test]
fn right_history_is_clean_and_comes_to_rest() {
    let scene = Scene::new();

    scene.history(&talk(1));
    let unrest = scene.audit.unrest();
    scene.audit.at_rest(&scene.memory);

    assert_eq!(scene.audit.violations(), []);
    assert_eq!(unrest, None);
    assert_eq!((scene.audit.accepted(), scene.audit.pending()), (1, 0));
}

#[test]
fn what_is_under_way_is_unrest() {
    let scene = Scene::new();
    let talk = talk(1);

    scene.commit(talk.accepts(1));
    let unrest = scene.audit.unrest().unwrap();

    assert_eq!(unrest.to_string(), "1 turns have not ended");
    assert_eq!(scene.audit.pending(), 1);
}

#[test]
fn digest_tells_histories_apart() {
    let (one, same, other) = (Scene::new(), Scene::new(), Scene::new());
    one.history(&talk(1));
    same.history(&talk(1));
    other.history(&talk(2));

    let digests = [&one, &same, &other].map(|scene| scene.audit.digest());

    assert_eq!(digests[0], digests[1]);
    assert_ne!(digests[0], digests[2]);
}
