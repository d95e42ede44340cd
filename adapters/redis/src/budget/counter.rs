//! The script that is the only one to change a counter, and what is told to it.

use std::sync::LazyLock;

use deadpool_redis::redis::{FromRedisValue, ParsingError, Value};
use soma_core::budget::account::Balance;
use soma_core::budget::{Grant, ReservationKey, ReservationRequest, Tokens};

use crate::question::{ScriptCall, Source};

/// The numbers of Lua are doubles: the integers up to here are exact.
const MOST: Tokens = (1 << 53) - 1;

static SCRIPT: LazyLock<Source> = LazyLock::new(|| Source::new(include_str!("counter.lua")));

/// What is done to a counter.
#[derive(Clone, Copy, Debug)]
pub(super) enum Operation {
    Reserve { want: Tokens, least: Tokens, limit: Option<Tokens> },
    Settle { used: Tokens },
}

impl From<&ReservationRequest> for Operation {
    fn from(request: &ReservationRequest) -> Self {
        let ReservationRequest { want, least, limit, .. } = *request;
        Self::Reserve { want, least, limit }
    }
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It is done. The grant is that of a reservation.
    Done(Grant),
    /// There is no counter: it is built from what the ledger has from now on, in this epoch.
    Missing { epoch: String },
}

/// What a counter that is missing is built from.
#[derive(Clone, Debug)]
pub(super) struct Build {
    /// The epoch that it was missing in.
    pub(super) epoch: String,
    /// What the ledger had after that.
    pub(super) balance: Balance,
}

/// The call that does `operation` to the counter under `key`, after building it if it is missing and
/// `build` is of its epoch.
pub(super) fn call(
    key: &str,
    window: &str,
    (id, operation): (ReservationKey, Operation),
    build: Option<&Build>,
) -> ScriptCall<'static> {
    let mut call = SCRIPT.call(key);
    match operation {
        Operation::Reserve { want, least, limit } => {
            call.arg("reserve").arg(name(id)).arg(exact(want)).arg(exact(least));
            // Nothing is no limit.
            call.arg(limit.map_or_else(String::new, exact));
        }
        Operation::Settle { used } => {
            call.arg("settle").arg(name(id)).arg(exact(used)).arg("").arg("");
        }
    }
    call.arg(build.map_or("", |build| build.epoch.as_str())).arg(window);
    if let Some(Build { balance, .. }) = build {
        call.arg(exact(balance.used));
        for (id, amount) in &balance.open {
            call.arg(name(*id)).arg(exact(*amount));
        }
    }
    call
}

fn name(id: ReservationKey) -> String {
    format!("{}/{}", id.turn_id, id.call)
}

fn exact(tokens: Tokens) -> String {
    tokens.min(MOST).to_string()
}

impl FromRedisValue for Answer {
    fn from_redis_value(value: Value) -> Result<Self, ParsingError> {
        if let Value::Int(granted) = value {
            let grant = Tokens::try_from(granted).map_or(Grant::Refused, Grant::Granted);
            return Ok(Self::Done(grant));
        }
        Ok(Self::Missing { epoch: String::from_redis_value(value)? })
    }
}
