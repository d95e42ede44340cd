//! What is checked when a commit takes effect.

use soma_core::budget::UsageChange;
use soma_core::conversation::event::Event;
use soma_core::ids::{CallId, EventId, SessionId, TenantId, TurnId};
use soma_core::policy::Action;
use soma_core::tool::CallChange;
use soma_core::work::commit::{Commit, Fence};
use soma_core::work::session::TurnState;

use super::sessions::{Session, Turn, slot_of};
use super::{Books, Invariant};

/// What the auditor needs to know of a commit, taken before it is given away.
pub(super) struct Gist {
    tenant: TenantId,
    session: SessionId,
    fence: Fence,
    key: Option<String>,
    accept: Option<TurnId>,
    progress: Option<(TurnId, TurnState)>,
    allows_answer: bool,
    claims: Vec<(CallId, bool)>,
    usage: Vec<UsageChange>,
    memory: Vec<(String, EventId)>,
}

impl Gist {
    pub(super) fn of(commit: &Commit) -> Self {
        let allows = |action| {
            let mut decisions = commit.decisions.iter();
            decisions.any(|decision| decision.action == action && decision.allow)
        };
        let claims = commit.calls.iter().filter_map(|change| match change {
            CallChange::Claim { call_id } => Some((*call_id, allows(Action::ToolExecute))),
            CallChange::Request { .. } | CallChange::Finish { .. } => None,
        });
        Self {
            tenant: commit.tenant.clone(),
            session: commit.session_id,
            fence: commit.fence,
            key: commit.request.as_ref().map(|request| request.key.clone()),
            accept: commit.accept.as_ref().map(|accept| accept.turn_id),
            progress: commit.turn.as_ref().map(|turn| (turn.turn_id, turn.state)),
            allows_answer: allows(Action::ConversationSend),
            claims: claims.collect(),
            usage: commit.usage.clone(),
            memory: commit.memory.iter().map(|one| (one.key.clone(), one.event_id)).collect(),
        }
    }
}

impl Books {
    /// A commit took effect, and these are its events.
    pub(super) fn committed(&mut self, gist: Gist, events: &[Event]) {
        let mut wrong = Vec::new();
        let session = self
            .sessions
            .by_id
            .entry(gist.session)
            .or_insert_with(|| Session::open(gist.session, gist.tenant.clone()));
        if session.erased {
            wrong.push((Invariant::TenantIsolation, format!("{} came back", gist.session)));
        }
        if session.tenant != gist.tenant {
            let what = format!("{} wrote in {}", gist.tenant, gist.session);
            wrong.push((Invariant::TenantIsolation, what));
        }
        fenced(session, &gist, &mut wrong);
        if let Some(id) = gist.accept {
            let turn = Turn { id, ended: false, allowed: false, model_calls: 0, claims: 0 };
            session.turns.push(turn);
            self.sessions.accepted += 1;
            self.sessions.of_turn.insert(id, gist.session);
        }
        numbered(session, events, &mut wrong);
        if let Some((id, state)) = gist.progress {
            let ends = progressed(session, id, state, gist.allows_answer, &mut wrong);
            self.sessions.ended += u64::from(ends);
        }
        for (call, allowed) in gist.claims {
            let call = self.sessions.calls.entry(call).or_default();
            call.claims += 1;
            call.allowed = allowed;
        }
        for change in &gist.usage {
            wrong.extend(self.accounts.change(change).err());
        }
        for (key, event) in gist.memory {
            self.to_remember.insert(key, (gist.tenant.clone(), gist.session, event));
        }
        if let (Some(key), Some(turn)) = (gist.key, gist.accept)
            && let Some(first) = self.keys.insert((gist.tenant, key.clone()), turn)
        {
            let what = format!("{key} was accepted as {first} and as {turn}");
            wrong.push((Invariant::NothingDuplicated, what));
        }
        for (invariant, what) in wrong {
            self.violate(invariant, what);
        }
    }
}

fn fenced(session: &Session, gist: &Gist, wrong: &mut Vec<(Invariant, String)>) {
    let Fence::Work { kind, epoch } = gist.fence else { return };
    let slot = &session.slots[slot_of(kind)];
    if slot.epoch != epoch || !slot.held {
        let what = format!(
            "{} took a commit of {kind:?} under epoch {epoch}, at {} ({})",
            gist.session,
            slot.epoch,
            if slot.held { "held" } else { "handed back" }
        );
        wrong.push((Invariant::Fencing, what));
    }
}

/// Events are numbered without a gap, each once, and nothing of a turn follows its end.
fn numbered(session: &mut Session, events: &[Event], wrong: &mut Vec<(Invariant, String)>) {
    for event in events {
        let next = session.chain.count.next();
        if event.seq != next {
            let what = format!("{} got event {} for {}", event.session_id, event.seq.0, next.0);
            wrong.push((Invariant::Order, what));
        }
        session.chain.count = event.seq;
        session.chain.head = event.hash;
        if !session.events.insert(event.event_id) {
            let what = format!("{} has {} twice", event.session_id, event.event_id);
            wrong.push((Invariant::NothingDuplicated, what));
        }
        let turn = event.turn_id.and_then(|turn| session.turn_mut(turn));
        if let Some(turn) = turn.filter(|turn| turn.ended) {
            let what = format!("{:?} follows the end of {}", event.kind, turn.id);
            wrong.push((Invariant::Order, what));
        }
    }
}

/// Answers whether the turn ended.
fn progressed(
    session: &mut Session,
    id: TurnId,
    state: TurnState,
    allows_answer: bool,
    wrong: &mut Vec<(Invariant, String)>,
) -> bool {
    let head = session.head();
    let Some(turn) = session.turn_mut(id) else {
        wrong.push((Invariant::NothingLost, format!("{id} made progress, never accepted")));
        return false;
    };
    turn.claims = 0;
    turn.allowed |= allows_answer;
    if turn.ended {
        wrong.push((Invariant::NothingDuplicated, format!("{id} made progress after its end")));
        return false;
    }
    if head != Some(id) {
        wrong.push((Invariant::Order, format!("{id} made progress before {head:?}")));
    }
    turn.ended = state == TurnState::Done;
    turn.ended
}
