//! What calls of the model cost, by what a worker heard of them: to the token.

use std::collections::BTreeMap;

use soma_core::budget::{ReservationKey, Tokens};
use soma_core::ids::TurnId;

use super::Audit;

/// A call of the model, as it is known by: its reservation, and its place among the calls that were
/// made under it. A worker that lost its turn may call, too.
pub(super) type CallPlace = (ReservationKey, usize);

/// How far a call came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Came {
    /// It was made, and has not ended.
    Running,
    /// It did not begin to answer.
    Refused,
    /// Its answer broke off.
    BrokeOff,
    /// It was answered; the model said what it used, or not.
    Done(Option<Tokens>),
}

/// A call of the model.
#[derive(Debug)]
struct Call {
    prompt: Tokens,
    said: Tokens,
    came: Came,
}

impl Call {
    /// Whether it costs so much; one that somebody broke off costs what was heard by then.
    fn costs(&self, used: Tokens) -> bool {
        let estimate = self.prompt + self.said;
        match self.came {
            Came::Running => (self.prompt..=estimate).contains(&used),
            Came::Refused => used == 0,
            Came::BrokeOff => used == estimate,
            Came::Done(told) => used == told.unwrap_or(estimate),
        }
    }
}

/// Every call.
#[derive(Debug, Default)]
pub(super) struct ModelCalls(BTreeMap<ReservationKey, Vec<Call>>);

impl ModelCalls {
    fn begin(&mut self, key: ReservationKey, prompt: Tokens) -> CallPlace {
        let calls = self.0.entry(key).or_default();
        calls.push(Call { prompt, said: 0, came: Came::Running });
        (key, calls.len() - 1)
    }

    fn at(&mut self, (key, place): CallPlace) -> Option<&mut Call> {
        self.0.get_mut(&key)?.get_mut(place)
    }

    /// Whether a call under this key costs so much; one that nobody heard of is not judged.
    pub(super) fn cost(&self, key: ReservationKey, used: Tokens) -> bool {
        self.0.get(&key).is_none_or(|calls| calls.iter().any(|call| call.costs(used)))
    }
}

impl Audit {
    /// A worker calls the model with a prompt of so many tokens. None if the turn has nothing reserved
    /// any more.
    pub(super) fn call_begins(&self, turn: TurnId, prompt: Tokens) -> Option<CallPlace> {
        let mut books = self.books();
        let key = books.accounts.open(turn)?;
        Some(books.model_calls.begin(key, prompt))
    }

    /// A worker heard so many tokens of an answer by now, and how far the call came.
    pub(super) fn call_came(&self, place: Option<CallPlace>, said: Tokens, came: Came) {
        let now = self.ledger.now();
        let mut books = self.books();
        let Some(place) = place else { return };
        if said > 0 {
            books.lateness.said(place.0.turn_id, now);
        }
        if let Some(call) = books.model_calls.at(place) {
            (call.said, call.came) = (said, came);
        }
    }
}
