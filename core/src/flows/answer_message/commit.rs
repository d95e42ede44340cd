//! One durable boundary of a turn, as a commit.

use super::drive::{Drive, TRIES};
use crate::budget::UsageChange;
use crate::conversation::chain::Chain;
use crate::flows::persist::{UNTIL_DROPPED, persist, retry};
use crate::observe::{self, SetAside};
use crate::outbox::dead::{DeadLetter, Origin};
use crate::outbox::topic::Topic;
use crate::outbox::wire;
use crate::ports::work::Claim;
use crate::ports::{Budget, Notification, PortError, PortResult};
use crate::tool::CallChange;
use crate::turn::input::{Input, RecordedInput};
use crate::turn::machine::Phase;
use crate::turn::step::Effects;
use crate::work::commit::{Commit, CommitOutcome, Fence, TurnProgress, WorkKind};
use crate::work::session::TurnState;

/// What the steps since the last commit lead to.
pub(super) struct Pending {
    from_step: u32,
    inputs: Vec<RecordedInput>,
    effects: Effects,
    unread: Vec<DeadLetter>,
}

impl Pending {
    pub(super) fn new(from_step: u32) -> Self {
        Self { from_step, inputs: Vec::new(), effects: Effects::default(), unread: Vec::new() }
    }

    /// Whether a reservation is settled by it.
    pub(super) const fn settles(&self) -> bool {
        !self.effects.usage.is_empty()
    }

    /// Keeps what could not be read as a dead letter.
    pub(super) fn set_aside(&mut self, unread: DeadLetter) {
        self.unread.push(unread);
    }

    pub(super) fn add(&mut self, input: RecordedInput, effects: Effects) {
        self.inputs.push(input);
        self.effects.extend(effects);
    }
}

impl Drive<'_> {
    /// Commits what is pending. Returns whether the turn is still ours.
    ///
    /// # Errors
    ///
    /// The store's or the counter's, or that the ledger has no room for what was to be set aside:
    /// nothing is committed.
    pub(super) async fn commit(&mut self) -> PortResult<bool> {
        if self.pending.inputs.is_empty() {
            return Ok(true);
        }
        let unread = self.pending.unread.len();
        let commit = self.take_pending();
        self.write(commit, unread).await
    }

    /// Commits what is pending, and releases the claim with it. Returns whether it did: not if nothing
    /// is pending.
    ///
    /// # Errors
    ///
    /// As [`commit`](Self::commit).
    pub(super) async fn commit_and_release(&mut self) -> PortResult<bool> {
        if self.pending.inputs.is_empty() {
            return Ok(false);
        }
        let unread = self.pending.unread.len();
        let commit = Commit { release: true, ..self.take_pending() };
        self.write(commit, unread).await
    }

    /// Writes a commit, of whose dead letters the first are of what could not be read.
    async fn write(&mut self, commit: Commit, unread: usize) -> PortResult<bool> {
        let world = &self.flow.world;
        let store = &*self.flow.ports.store;
        if commit.release {
            self.signals.releasing.trigger();
        }
        let events = match persist(store, world, &commit, UNTIL_DROPPED).await? {
            CommitOutcome::Committed(events) | CommitOutcome::AlreadyDone(events) => events,
            CommitOutcome::OverBudget => {
                self.refresh_counter(&commit.usage).await?;
                return Err(PortError::Unavailable("the counter of tokens was behind".into()));
            }
            CommitOutcome::Answered(_)
            | CommitOutcome::KeyReused
            | CommitOutcome::Conflict
            | CommitOutcome::TurnDone
            | CommitOutcome::Fenced
            | CommitOutcome::NoSession => return Ok(false),
        };
        observe::turn_ended(&events);
        for (place, letter) in commit.dead.iter().enumerate() {
            let reason = if place < unread { SetAside::Unreadable } else { SetAside::GivenUp };
            observe::dead_letter(letter, reason);
        }
        if let (Some(first), Some(last)) = (events.first(), events.last()) {
            // Whoever wrote in between may have brought another turn.
            self.more |= first.seq != self.chain.count.next();
            self.chain = Chain { count: last.seq, head: last.hash };
        }
        world.wake.notify(Notification::Outbox);
        if !commit.memory.is_empty() {
            world.wake.notify(Notification::Memory);
        }
        tell_counter(&*self.flow.ports.budget, commit.usage).await;
        Ok(true)
    }

    /// The ledger has no room for what the counter granted: the turn asks the counter again, from
    /// its record and after a rest, once that knows what the ledger has.
    async fn refresh_counter(&self, changes: &[UsageChange]) -> PortResult<()> {
        for change in changes {
            if let UsageChange::Reserve { account, window, .. } = change {
                let budget = &self.flow.ports.budget;
                retry(&self.flow.world, TRIES, || budget.refresh(account, *window)).await?;
            }
        }
        Ok(())
    }

    fn take_pending(&mut self) -> Commit {
        let next = Pending::new(self.turn.steps());
        let pending = std::mem::replace(&mut self.pending, next);
        let Claim { tenant, session_id, epoch, .. } = self.claim;
        let at = self.flow.world.clock.now();
        let turn_id = self.turn.id();
        let fence = Fence::Work { kind: WorkKind::Turns, epoch: *epoch };
        let mut commit = Commit::new(tenant.clone(), *session_id, fence, at);
        commit.chain = Some(self.chain);
        let accepted = self.turn.accepted();
        let persona = accepted.and_then(|accepted| accepted.persona_id.clone());
        commit.trace = accepted.and_then(|accepted| accepted.trace.clone());
        let effects = pending.effects;
        commit.events = effects
            .record
            .into_iter()
            .map(|draft| {
                let nonce = self.flow.world.ids.nonce();
                draft.seal(Some(turn_id), persona.clone(), at, nonce)
            })
            .collect();
        commit.outbox = effects
            .tools
            .iter()
            .map(|call| wire::tool_request(tenant, *session_id, Some(turn_id), call))
            .collect();
        commit.calls = effects
            .tools
            .into_iter()
            .map(|call| CallChange::Request { turn_id: Some(turn_id), call })
            .collect();
        commit.usage = effects.usage;
        commit.memory = effects.memory;
        commit.decisions = effects.decisions;
        commit.dead = pending.unread;
        commit.dead.extend(self.given_up(&pending.inputs));
        let state = match self.turn.phase() {
            Phase::Done => TurnState::Done,
            Phase::AwaitingTools => TurnState::Waiting,
            Phase::New
            | Phase::Accepted
            | Phase::Authorizing
            | Phase::Gathering
            | Phase::Reserving
            | Phase::Generating => TurnState::Ready,
        };
        commit.turn = Some(TurnProgress {
            turn_id,
            from_step: pending.from_step,
            inputs: pending.inputs,
            state,
        });
        commit
    }

    /// A turn that is given up is set aside, so that an operator sees what kills workers.
    fn given_up(&self, inputs: &[RecordedInput]) -> Option<DeadLetter> {
        let last = inputs.last().filter(|_| self.turn.phase() == Phase::Done)?;
        let gave_up = matches!(last.input, Input::GaveUp { .. });
        let accepted = self.turn.accepted().filter(|_| gave_up)?;
        Some(DeadLetter {
            topic: Topic::ConversationInbound,
            partition: None,
            offset: None,
            key: accepted.session_id.to_string(),
            tenant: Some(accepted.tenant.clone()),
            payload: wire::inbound(self.turn.id(), accepted).text(),
            error: "the turn failed, or killed its worker, too often without progress".into(),
            at: self.flow.world.clock.now(),
            origin: Origin::State,
        })
    }
}

/// Tells the hot counter what the ledger now says; it is rebuilt from the ledger if this fails.
pub(super) async fn tell_counter(budget: &dyn Budget, changes: Vec<UsageChange>) {
    for change in changes {
        if let UsageChange::Settle { reservation, used } = change
            && let Err(error) = budget.settle(&reservation, used).await
        {
            tracing::debug!(%error, "the counter of tokens is behind the ledger");
        }
    }
}
