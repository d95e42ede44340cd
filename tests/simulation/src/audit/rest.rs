//! What must hold when nothing is under way any more.

use futures_util::FutureExt;
use soma_core::budget::account::LedgerAccount;
use soma_core::conversation::event::{Event, EventType, Seq};
use soma_core::ids::{SessionId, TurnId};
use soma_core::outbox::topic::Topic;
use soma_core::ports::{MemoryQueue, Outbox, PortResult, Store};
use soma_core::stream::chain::{Chain, Link};
use soma_core::turn::machine::{Phase, Turn};
use soma_core::work::session::EventRange;
use soma_inproc::{InprocLedger, InprocMemory};

use super::sessions::Session;
use super::{Books, Invariant};

type Found = Vec<(Invariant, String)>;

/// What a port in memory answers: it never waits.
fn now<T>(answer: impl Future<Output = PortResult<T>>) -> Option<T> {
    answer.now_or_never().and_then(Result::ok)
}

/// What is still under way, if anything is.
pub(super) fn unrest(ledger: &InprocLedger, books: &Books) -> Option<String> {
    let rows = now(Outbox::depth(ledger)).map_or(0, |depth| depth.rows);
    if rows > 0 {
        return Some(format!("{rows} rows are in the outbox"));
    }
    let waiting = now(ledger.backlog()).unwrap_or_default();
    if waiting > 0 {
        return Some(format!("{waiting} memories wait to be written"));
    }
    if let Some(behind) = books.positions.behind() {
        return Some(behind);
    }
    let mut sessions = books.sessions.by_id.iter().filter(|(_, session)| !session.erased);
    sessions.find_map(|(id, _)| {
        let open = now(ledger.open_calls(*id)).unwrap_or_default();
        (!open.is_empty()).then(|| format!("{} calls of {id} are open", open.len()))
    })
}

/// Checks everything.
pub(super) fn check(
    ledger: &InprocLedger,
    memory: &InprocMemory,
    books: &Books,
    found: &mut Found,
) {
    for (id, session) in &books.sessions.by_id {
        if session.erased {
            gone(ledger, *id, session, found);
        } else {
            whole(ledger, *id, session, found);
        }
    }
    acknowledged(books, found);
    books.accounts.at_rest(found);
    for ((account, window), used) in books.accounts.used() {
        let spent = ledger.account(account, *window).as_ref().map(LedgerAccount::spent);
        let spent = spent.unwrap_or_default();
        if (spent.used, spent.reserved) != (used, 0) {
            let what = format!("{account:?} has {spent:?}, and used {used}");
            found.push((Invariant::Budget, what));
        }
    }
    remembered(memory, books, found);
}

fn gone(ledger: &InprocLedger, id: SessionId, session: &Session, found: &mut Found) {
    let left = now(ledger.session(&session.tenant, id)).flatten();
    if left.is_some() {
        found.push((Invariant::TenantIsolation, format!("{id} was erased, and is there")));
    }
}

fn whole(ledger: &InprocLedger, id: SessionId, known: &Session, found: &mut Found) {
    let Some(session) = now(ledger.session(&known.tenant, id)).flatten() else {
        return found.push((Invariant::NothingLost, format!("{id} is not there")));
    };
    let all = EventRange::After(Seq(0));
    let events = now(ledger.events(&known.tenant, id, all, usize::MAX)).unwrap_or_default();
    chained(id, &events, &session.chain, found);
    let accepted: Vec<TurnId> = known.turns.iter().map(|turn| turn.id).collect();
    let endings = events.iter().filter(|event| event.kind.is_terminal());
    let ended: Vec<TurnId> = endings.filter_map(|event| event.turn_id).collect();
    if ended != accepted {
        let what = format!("{id} accepted {accepted:?}, and ended {ended:?}");
        found.push((Invariant::Order, what));
    }
    let count = accepted.len() as u64;
    if (session.turns_accepted, session.turns_done) != (count, count) {
        let what = format!(
            "{id} counts {} turns, {} done, of {count}",
            session.turns_accepted, session.turns_done
        );
        found.push((Invariant::Conservation, what));
    }
    for turn in accepted {
        folds(ledger, turn, &events, found);
    }
}

fn chained(id: SessionId, events: &[Event], stated: &Chain, found: &mut Found) {
    let mut chain = Chain::new(id);
    for event in events {
        if let Err(error) = chain.verify(&Link::of(event), event.hash) {
            return found.push((Invariant::Chain, format!("{id} at {}: {error}", event.seq.0)));
        }
    }
    if chain != *stated {
        found.push((Invariant::Chain, format!("{id} does not state its chain")));
    }
}

/// The record of a turn comes to its end, and there is at most one answer.
fn folds(ledger: &InprocLedger, turn: TurnId, events: &[Event], found: &mut Found) {
    let Some(record) = now(ledger.turn(turn)).flatten() else {
        return found.push((Invariant::NothingLost, format!("{turn} has no record")));
    };
    let buried = events
        .iter()
        .any(|event| event.turn_id == Some(turn) && event.kind == EventType::TurnFailed);
    let done = Turn::fold(turn, &record.inputs).is_ok_and(|(turn, _)| turn.phase() == Phase::Done);
    if !done && !buried {
        found.push((Invariant::Conservation, format!("the record of {turn} does not end")));
    }
    let answers = events
        .iter()
        .filter(|event| event.turn_id == Some(turn) && event.kind == EventType::AssistantFinal);
    if answers.count() > 1 {
        found.push((Invariant::NothingDuplicated, format!("{turn} was answered twice")));
    }
}

/// What clients were promised is there.
fn acknowledged(books: &Books, found: &mut Found) {
    for (tenant, key, receipt, _) in &books.acknowledged {
        let turn = books.keys.get(&(tenant.clone(), key.clone()));
        let session = books.sessions.of_turn.get(&receipt.turn_id);
        if turn != Some(&receipt.turn_id) || session != Some(&receipt.session_id) {
            let what = format!("{key} was acknowledged as {receipt:?}, it is {turn:?}");
            found.push((Invariant::NothingLost, what));
        }
    }
    for (tenant, key) in &books.refused {
        if books.keys.contains_key(&(tenant.clone(), key.clone())) {
            found.push((Invariant::RefusedIsAbsent, format!("{key} was refused, and is there")));
        }
    }
}

/// What is to be remembered is known to the memory and to the replica, and nothing else is.
fn remembered(memory: &InprocMemory, books: &Books, found: &mut Found) {
    let kept = memory.keys();
    for (key, (_, _, event)) in &books.to_remember {
        if !books.lied.contains(key) && !kept.contains_key(key) {
            found.push((Invariant::NothingLost, format!("{key} is not remembered")));
        }
        let whole = books.positions.is_whole(Topic::MemoryWal);
        if whole && !books.replicated.contains(event) {
            found.push((Invariant::NothingLost, format!("{key} has no replica")));
        }
    }
    for (key, session) in kept {
        if books.forgotten.contains(&session) {
            let what = format!("{key} of an erased session is remembered");
            found.push((Invariant::TenantIsolation, what));
        }
    }
}
