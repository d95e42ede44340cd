//! What becomes of a message that comes while a turn of its session is unfinished.

use soma_core::flows::submit_message::WhenBusy;
use soma_core::ids::{SessionId, TurnId};

use super::Audit;
use super::invariant::Invariant;
use super::sessions::Found;

impl Audit {
    /// Whether a turn of the session is unfinished.
    pub fn is_busy(&self, session: SessionId) -> bool {
        let books = self.books();
        books.sessions.by_id.get(&session).is_some_and(|session| session.head().is_some())
    }

    /// A message was accepted that said what to do while a turn of its session is unfinished.
    pub fn accepted_when_busy(&self, turn: TurnId, when_busy: WhenBusy) {
        let mut books = self.books();
        let Some(found) = books.sessions.turn(turn).map(|turn| turn.found) else { return };
        let wrong = match (when_busy, found) {
            (WhenBusy::Reject, Found::Wanted | Found::Cancelled) => "was to be refused",
            (WhenBusy::Interrupt, Found::Wanted) => "was to interrupt what ran",
            (WhenBusy::Enqueue, _)
            | (WhenBusy::Reject | WhenBusy::Interrupt, Found::Nothing)
            | (WhenBusy::Interrupt, Found::Cancelled) => return,
        };
        books.violate(Invariant::Busy, format!("{turn} {wrong}, and was accepted"));
    }
}
