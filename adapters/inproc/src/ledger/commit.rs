//! The commit: every check first, then every change.

use std::collections::btree_map::Entry;

use soma_core::conversation::event::Event;
use soma_core::tool::CallChange;
use soma_core::work::commit::{Commit, CommitOutcome, Fence};

use super::conversation::{Conversation, Turn};
use super::state::State;

impl State {
    /// Applies everything in `commit`, or nothing.
    pub(super) fn commit(&mut self, commit: Commit) -> CommitOutcome {
        match self.refusal(&commit) {
            Some(refusal) => refusal,
            None => CommitOutcome::Committed(self.apply(commit)),
        }
    }

    /// Why `commit` is not applied: the fence first, then whether it was done, then the rest.
    fn refusal(&self, commit: &Commit) -> Option<CommitOutcome> {
        let conversation = self.conversation(&commit.tenant, commit.session_id);
        let admitted = |found: &Conversation| found.admits(commit.fence);
        if !conversation.map_or(commit.fence == Fence::Open, admitted) {
            let freed = conversation.filter(|found| found.is_free_since(commit));
            let done = freed.and_then(|found| found.done_already(commit));
            return Some(done.map_or(CommitOutcome::Fenced, CommitOutcome::AlreadyDone));
        }
        if let Some(events) = conversation.and_then(|found| found.done_already(commit)) {
            return Some(CommitOutcome::AlreadyDone(events));
        }
        if let Some(answer) = self.answer(commit) {
            return Some(answer);
        }
        let mismatch = match conversation {
            Some(conversation) => self.mismatch(conversation, commit),
            None if self.may_open(commit) => self.mismatch(&Conversation::open(commit), commit),
            None => Some(CommitOutcome::NoSession),
        };
        let room = commit.usage.iter().all(|change| self.usage.has_room_for(change));
        mismatch.or((!room).then_some(CommitOutcome::OverBudget))
    }

    /// The answer that a client's request was given before.
    fn answer(&self, commit: &Commit) -> Option<CommitOutcome> {
        let request = commit.request.as_ref()?;
        let known = self.requests.get(&(commit.tenant.clone(), request.key.clone()))?;
        Some(if known.digest == request.digest {
            CommitOutcome::Answered(known.answer)
        } else {
            CommitOutcome::KeyReused
        })
    }

    fn may_open(&self, commit: &Commit) -> bool {
        let id = &commit.session_id;
        commit.open.is_some()
            && !self.conversations.contains_key(id)
            && !self.erased.contains_key(id)
    }

    /// How the session differs from what `commit` expects of it.
    fn mismatch(&self, conversation: &Conversation, commit: &Commit) -> Option<CommitOutcome> {
        let count = conversation.session.chain.count;
        let moved_on = commit.expected.is_some_and(|expected| expected != count);
        let unfinished = conversation.unfinished();
        let busy = commit.only_if_idle && unfinished > 0
            || commit.most_unfinished.is_some_and(|most| unfinished >= most);
        let known_turn = commit
            .accept
            .as_ref()
            .is_some_and(|accept| self.session_of_turn.contains_key(&accept.turn_id));
        if moved_on || busy || known_turn {
            return Some(CommitOutcome::Conflict);
        }
        let live = |turn| conversation.turn(turn).is_some_and(Turn::is_unfinished);
        if commit.live_turn.is_some_and(|turn| !live(turn)) {
            return Some(CommitOutcome::TurnDone);
        }
        let progress = commit.turn.as_ref()?;
        match conversation.turn(progress.turn_id) {
            Some(turn) if !turn.is_unfinished() => Some(CommitOutcome::TurnDone),
            Some(turn) if turn.steps() == progress.from_step => None,
            Some(_) | None => Some(CommitOutcome::Conflict),
        }
    }

    fn apply(&mut self, mut commit: Commit) -> Vec<Event> {
        if let Some(request) = commit.request.take() {
            self.requests.insert((commit.tenant.clone(), request.key.clone()), request);
        }
        let events = self.apply_to_session(&mut commit);
        for change in &commit.usage {
            self.usage.change(change);
        }
        for write in commit.memory {
            self.memory.upsert(write, commit.trace.clone());
        }
        for decision in commit.decisions {
            self.decisions.push((commit.tenant.clone(), Some(commit.session_id), decision));
        }
        let trace = commit.trace.as_ref();
        self.outbox.refer(&commit.tenant, &events, trace, commit.at);
        for message in commit.outbox {
            self.outbox.enqueue(message.completed(&events, trace), commit.at);
        }
        for letter in commit.dead {
            self.outbox.set_aside(letter);
        }
        events
    }

    fn apply_to_session(&mut self, commit: &mut Commit) -> Vec<Event> {
        let id = commit.session_id;
        if let Some(accept) = &commit.accept {
            self.session_of_turn.insert(accept.turn_id, id);
        }
        for change in &commit.calls {
            if let CallChange::Request { call, .. } = change {
                self.session_of_call.entry(call.call_id).or_insert(id);
            }
        }
        let age = self.next_age();
        let conversation = match self.conversations.entry(id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(Conversation::open(commit)),
        };
        conversation.settle_claims(commit);
        if let Some(cancel) = commit.cancel {
            conversation.cancel(cancel);
        }
        if let Some(accept) = commit.accept.take() {
            conversation.accept(accept, age, commit.at);
        }
        if let Some(progress) = commit.turn.take() {
            conversation.progress(progress);
        }
        for change in std::mem::take(&mut commit.calls) {
            conversation.change_call(change, commit.trace.as_ref(), age, commit.at);
        }
        conversation.record(std::mem::take(&mut commit.events), commit.at)
    }
}
