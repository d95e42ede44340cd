//! Which model is asked: the one that the message is for, and another when that one does not answer.

use soma_core::ids::TurnId;

use super::Audit;
use super::invariant::Invariant;
use super::reasons::is_enough;
use super::sessions::Asks;

/// What the services are held to because of how they are set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// The model for messages that are escalated, if there is one.
    pub escalation: Option<&'static str>,
    /// The model for when another does not answer, if there is one.
    pub fallback: Option<&'static str>,
    /// Whether a tenant may only send so many messages.
    pub has_rate: bool,
}

/// The model for all other messages.
const FIRST: &str = "first";

impl Audit {
    /// The services are set like this.
    pub fn hold_to(&self, rules: Rules) {
        self.books().rules = rules;
    }

    /// A worker asks this model.
    pub(super) fn model_chosen(&self, id: TurnId, model: &str) {
        let mut books = self.books();
        let Rules { escalation, fallback, .. } = books.rules;
        let Some(turn) = books.sessions.turn_mut(id) else { return };
        let wrong = if fallback == Some(model) {
            let falls_back = turn.asks == Asks::First;
            let is_early = falls_back && !is_enough(&turn.model_failures);
            if falls_back {
                turn.asks = Asks::Fallback;
                turn.model_failures.clear();
            }
            is_early.then_some("the one before was not asked often enough")
        } else {
            let ought = escalation.filter(|_| turn.said.escalated).unwrap_or(FIRST);
            (model != ought).then_some("it is for other messages")
        };
        if let Some(fact) = wrong {
            books.violate(Invariant::Reason, format!("{id} asked {model:?}: {fact}"));
        }
    }
}
