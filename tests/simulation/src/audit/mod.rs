//! The auditor: it sees every call of the ledger and the log at the moment it takes effect, keeps a
//! small model of what must be true, and says what is not.

mod budget;
mod commits;
mod ledger;
mod log;
mod positions;
mod rest;
mod sessions;
mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use soma_core::ids::{CallId, EventId, SessionId, TenantId, TurnId};
use soma_core::outbox::partition::Partition;
use soma_core::outbox::topic::Topic;
use soma_core::ports::log::Positioned;
use soma_core::work::commit::Receipt;
use soma_inproc::{InprocLedger, InprocMemory};

pub use ledger::Audited;
pub use log::AuditedLog;

use budget::Accounts;
use positions::Positions;
use sessions::Sessions;

/// So many violations of one run are kept: the first tell most.
const KEPT: usize = 20;

/// What must hold, whatever happens: `reference/reliability.md` B.1, and what follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// I1: what was accepted has one turn and one terminal event.
    NothingLost,
    /// I2: an answer, a row, a settlement, an effect is there once.
    NothingDuplicated,
    /// I3: the events of a session are dense, its turns end in the order of acceptance.
    Order,
    /// I4: what was refused left nothing behind.
    RefusedIsAbsent,
    /// I5: used and set aside never exceed the limit.
    Budget,
    /// I6: nothing of a tenant is within another's reach.
    TenantIsolation,
    /// I7: without a decision to allow it, nothing is done.
    FailClosed,
    /// I8: no effect carries an epoch lower than one recorded for the same.
    Fencing,
    /// I9: outbox and queues run dry.
    Drains,
    /// I10: a position moves forward, together with what it stands for.
    Positions,
    /// I11: what is not applied is set aside.
    DeadLetters,
    /// The events of a session are one chain.
    Chain,
    /// What a client assembled is what was answered.
    Assembled,
    /// A slow session does not delay another.
    Fairness,
    /// What was accepted is answered, failed, or pending.
    Conservation,
    /// Once nothing goes wrong any more, everything comes to an end.
    Liveness,
    /// No code panics.
    Panic,
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NothingLost => "I1 nothing lost",
            Self::NothingDuplicated => "I2 nothing duplicated",
            Self::Order => "I3 order",
            Self::RefusedIsAbsent => "I4 refused means absent",
            Self::Budget => "I5 budget",
            Self::TenantIsolation => "I6 tenant isolation",
            Self::FailClosed => "I7 fail closed",
            Self::Fencing => "I8 fencing",
            Self::Drains => "I9 drains",
            Self::Positions => "I10 positions",
            Self::DeadLetters => "I11 dead letters",
            Self::Chain => "chain",
            Self::Assembled => "assembled text",
            Self::Fairness => "fairness",
            Self::Conservation => "conservation",
            Self::Liveness => "liveness",
            Self::Panic => "panic",
        })
    }
}

/// Something that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// What.
    pub invariant: Invariant,
    /// How.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.what)
    }
}

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
    acknowledged: Vec<(TenantId, String, Receipt, String)>,
    refused: Vec<(TenantId, String)>,
    /// The turn of each client's key.
    keys: BTreeMap<(TenantId, String), TurnId>,
    /// Keys of memories that were lied about.
    lied: BTreeSet<String>,
    /// What is to be remembered: key and event.
    to_remember: BTreeMap<String, (TenantId, SessionId, EventId)>,
    forgotten: BTreeSet<SessionId>,
    replicated: BTreeSet<EventId>,
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
        let Some((called, allowed)) = books.sessions.model_called(turn) else { return };
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

    /// The log lost these records.
    pub fn log_lost(&self, topic: Topic, partition: Partition, records: &[Positioned]) {
        self.books().positions.lost(topic, partition, records);
    }

    /// The memory said that it remembers this, and does not.
    pub fn memory_lied(&self, key: &str) {
        self.books().lied.insert(key.to_owned());
    }

    /// How many messages were accepted.
    pub fn accepted(&self) -> u64 {
        self.books().sessions.accepted
    }

    /// Why it is not quiet yet; none if nothing is under way any more.
    pub fn unrest(&self) -> Option<String> {
        let books = self.books();
        let Sessions { accepted, ended, erased_pending, .. } = &books.sessions;
        if *accepted != ended + erased_pending {
            return Some(format!("{accepted} turns were accepted, {ended} have ended"));
        }
        rest::unrest(&self.ledger, &books)
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

impl fmt::Debug for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Audit").field("violations", &self.violations()).finish_non_exhaustive()
    }
}
