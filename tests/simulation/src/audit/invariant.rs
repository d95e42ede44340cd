//! What must hold, and what did not.

use std::fmt;

/// What must hold, whatever happens (`docs/simulation.md`).
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
    /// I6: nothing of a tenant is within another's reach, nor of an erased session in anyone's.
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
    /// A model is shown what was said before, whole and in order, and nothing else.
    Prompt,
    /// What a person cancelled is not answered by whoever takes it up later.
    Cancelled,
    /// A turn fails for nothing that is not so.
    Reason,
    /// A tool call has the outcome that it had.
    Outcome,
    /// What is to be refused while something runs is, and what is to interrupt does.
    Busy,
    /// On a fair day nothing comes late.
    Lateness,
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
            Self::Prompt => "prompt",
            Self::Cancelled => "cancelled",
            Self::Reason => "reason",
            Self::Outcome => "outcome",
            Self::Busy => "when busy",
            Self::Lateness => "lateness",
            Self::Fairness => "fairness",
            Self::Conservation => "conservation",
            Self::Liveness => "liveness",
            Self::Panic => "panic",
        })
    }
}

/// An invariant that does not hold, and how.
pub(super) type Wrong = (Invariant, String);

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
