//! The auditor: it sees every call of the ledger and the log at the moment it takes effect, keeps a
//! small model of what must be true, and says what is not.

mod budget;
mod busy;
mod calls;
mod commits;
mod heard;
mod invariant;
mod lateness;
mod ledger;
mod log;
mod memories;
mod models;
mod outcomes;
mod positions;
mod prompts;
mod publications;
mod reasons;
mod rest;
mod sessions;
#[cfg(test)]
mod tests;
mod waiting;
mod work;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use soma_core::ids::{CallId, TenantId, TurnId};
use soma_core::outbox::partition::Partition;
use soma_core::outbox::topic::Topic;
use soma_core::ports::PortResult;
use soma_core::work::commit::Receipt;
use soma_inproc::{InprocLedger, InprocMemory};

pub use heard::Heard;
pub use invariant::{Invariant, Violation};
pub use ledger::Audited;
pub use log::{AuditedLog, Auditing};
pub use models::Rules;
pub use reasons::{ANSWERED, CANCELLED};
pub use rest::Unrest;

use budget::Accounts;
use calls::ModelCalls;
use lateness::Lateness;
use memories::Memories;
use positions::Positions;
use publications::Publications;
use sessions::Sessions;
use waiting::Waiting;

/// What a port in memory answers: it never waits.
fn now<T>(answer: impl Future<Output = PortResult<T>>) -> Option<T> {
    answer.now_or_never().and_then(Result::ok)
}

/// So many violations of one run are kept: the first tell most.
const KEPT: usize = 20;

/// Whether a tool may be run again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeatable {
    /// It may.
    Yes,
    /// It must not.
    No,
}

/// The auditor.
pub struct Audit {
    ledger: Arc<InprocLedger>,
    books: Mutex<Books>,
}

/// What the auditor wrote down.
#[derive(Default)]
struct Books {
    violations: Vec<Violation>,
    sessions: Sessions,
    accounts: Accounts,
    positions: Positions,
    publications: Publications,
    acknowledged: Vec<(TenantId, String, Receipt, String)>,
    refused: Vec<(TenantId, String)>,
    /// The turn of each client's key.
    keys: BTreeMap<(TenantId, String), TurnId>,
    memories: Memories,
    waiting: Waiting,
    model_calls: ModelCalls,
    /// Whether policy failed to decide at any time.
    policy_failed: bool,
    /// How turns ended, and how many ended so.
    endings: BTreeMap<String, u64>,
    rules: Rules,
    lateness: Lateness,
    /// How many messages of each tenant were let in, and how many accepted.
    let_in: BTreeMap<TenantId, (u64, u64)>,
}

impl Audit {
    /// An auditor of `ledger`, that allows a tenant `limit` tokens, if there is a limit.
    pub fn new(ledger: Arc<InprocLedger>, limit: Option<u64>) -> Arc<Self> {
        let books = Books { accounts: Accounts::new(limit), ..Books::default() };
        Arc::new(Self { ledger, books: Mutex::new(books) })
    }

    /// Something does not hold.
    pub fn violate(&self, invariant: Invariant, what: String) {
        self.books().violate(invariant, what);
    }

    /// What did not hold so far.
    pub fn violations(&self) -> Vec<Violation> {
        self.books().violations.clone()
    }

    /// Whether something did not hold.
    pub fn is_broken(&self) -> bool {
        !self.books().violations.is_empty()
    }

    /// A client was told that its message is accepted.
    pub fn acknowledged(&self, receipt: &Receipt, key: &str, text: &str, tenant: &TenantId) {
        let mut books = self.books();
        books.acknowledged.push((tenant.clone(), key.into(), *receipt, text.into()));
        let known = books.keys.get(&(tenant.clone(), key.into()));
        if known != Some(&receipt.turn_id) {
            let what = format!("{key} was acknowledged as {}, it is {known:?}", receipt.turn_id);
            books.violate(Invariant::NothingLost, what);
        }
    }

    /// A client was told that its message is not accepted.
    pub fn refused(&self, tenant: &TenantId, key: &str) {
        let mut books = self.books();
        books.refused.push((tenant.clone(), key.into()));
        if let Some(turn) = books.keys.get(&(tenant.clone(), key.to_owned())) {
            let what = format!("{key} was refused, and is {turn}");
            books.violate(Invariant::RefusedIsAbsent, what);
        }
    }

    /// The model is asked for a turn.
    pub fn model_called(&self, turn: TurnId) {
        let mut books = self.books();
        let Some((called, allowed)) = books.sessions.model_called(turn) else {
            let what = format!("the model was asked for {turn}, which was never accepted");
            return books.violate(Invariant::FailClosed, what);
        };
        if !allowed {
            books.violate(Invariant::FailClosed, format!("{turn} was answered without leave"));
        }
        let reserved = books.accounts.reservations(turn);
        if called > reserved {
            let what =
                format!("{turn} asked the model {called} times and reserved {reserved} times");
            books.violate(Invariant::Budget, what);
        }
    }

    /// The model used so many tokens for a turn, whether anybody hears of it or not.
    pub fn model_used(&self, turn: TurnId, tokens: u64) {
        self.books().accounts.really_used(turn, tokens);
    }

    /// A tool has its effect.
    pub fn tool_ran(&self, call: CallId, repeatable: Repeatable) {
        let mut books = self.books();
        if let Err((invariant, what)) = books.sessions.tool_ran(call, repeatable) {
            books.violate(invariant, what);
        }
    }

    /// The log lost records of a partition, which now ends at `next`.
    pub fn log_lost(&self, topic: Topic, partition: Partition, next: u64) {
        self.books().positions.lost(topic, partition, next);
    }

    /// The log dropped the records of a partition, which now begins at `earliest`.
    pub fn log_dropped(&self, topic: Topic, partition: Partition, earliest: u64) {
        self.books().positions.dropped(topic, partition, earliest);
    }

    /// The memory said that it remembers this, and does not.
    pub fn memory_lied(&self, key: &str) {
        self.books().memories.lied(key);
    }

    /// How many messages were accepted.
    pub fn accepted(&self) -> u64 {
        self.books().sessions.accepted
    }

    /// How turns ended, and how many ended so.
    pub fn endings(&self) -> BTreeMap<String, u64> {
        self.books().endings.clone()
    }

    /// How many turns were accepted, have not ended, and are of no session that was erased.
    pub fn pending(&self) -> u64 {
        self.books().sessions.pending()
    }

    /// Why it is not quiet yet; none if nothing is under way any more. Cheap enough to be asked
    /// after every step.
    pub fn unrest(&self) -> Option<Unrest> {
        rest::unrest(&self.ledger, &self.books())
    }

    /// Checks everything that must hold when nothing is under way any more.
    pub fn at_rest(&self, memory: &InprocMemory) {
        let mut books = self.books();
        let mut found = Vec::new();
        rest::check(&self.ledger, memory, &books, &mut found);
        for (invariant, what) in found {
            books.violate(invariant, what);
        }
    }

    /// A hash of what it came to.
    pub fn digest(&self) -> u64 {
        self.books().sessions.digest()
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Books {
    fn violate(&mut self, invariant: Invariant, what: String) {
        if self.violations.len() < KEPT {
            self.violations.push(Violation { invariant, what });
        }
    }
}

soma_core::opaque_debug!(Audit);
