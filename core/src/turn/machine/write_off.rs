//! The end of a turn whose record cannot be gone on from: of another build, or damaged.

use serde_json::{Map, json};

use super::super::input::{Input, RecordedInput};
use super::super::step::{Effects, EventDraft};
use super::Turn;
use crate::budget::window::BudgetWindow;
use crate::budget::{Grant, Tokens, UsageChange};
use crate::conversation::event::{EventType, Role};
use crate::ids::TurnId;

/// Why there is no answer, for people.
const LOST: &str = "The answer could not be completed.";
const UNREADABLE: &str =
    "The answer could not be completed: what was recorded of it cannot be read any more.";

impl Turn {
    /// What becomes durable when a turn ends whose record cannot be gone on from. It fails, and what
    /// was streamed is void: nobody knows it. What it set aside counts as used, whole, unless it is
    /// settled already; what a worker may have set aside and not recorded is released.
    pub fn write_off(id: TurnId, record: &[RecordedInput]) -> Effects {
        let steps = u32::try_from(record.len()).unwrap_or(u32::MAX);
        let mut turn = Self { attempt: highest_attempt(steps), ..Self::new(id) };
        let (mut usage, mut call) = (Vec::new(), 1);
        for recorded in record {
            if let Input::Accepted(accepted) = &recorded.input {
                turn.accepted.get_or_insert_with(|| accepted.clone());
                turn.window = BudgetWindow::at(recorded.at);
            }
            if let Input::BudgetAnswered { window, grant: Grant::Granted(amount) } = recorded.input
            {
                turn.window = window;
                usage.extend(turn.settlement(call, amount));
                call += 1;
            }
        }
        usage.extend(turn.settlement(call, 0));
        let (turn, voided) = if call == 1 { (turn, None) } else { turn.voided() };
        let record = voided.into_iter().chain([turn.written_off("internal", LOST)]).collect();
        Effects { record, usage, ..Effects::default() }
    }

    pub(super) fn settlement(&self, call: u32, used: Tokens) -> Option<UsageChange> {
        self.reservation(call).map(|reservation| UsageChange::Settle { reservation, used })
    }

    /// What becomes durable when a turn ends whose record of so many inputs cannot be read. Only the
    /// ledger knows what it set aside: all of it counts as used.
    pub fn write_off_unread(id: TurnId, steps: u32) -> Effects {
        let turn = Self { attempt: highest_attempt(steps), ..Self::new(id) };
        let (turn, voided) = turn.voided();
        let failed = turn.written_off("unreadable", UNREADABLE);
        Effects {
            record: voided.into_iter().chain([failed]).collect(),
            usage: vec![UsageChange::SettleInFull { turn_id: id }],
            ..Effects::default()
        }
    }

    fn voided(mut self) -> (Self, Option<EventDraft>) {
        let event = self.restart("worker_lost");
        (self, Some(event))
    }

    fn written_off(&self, reason: &str, message: &str) -> EventDraft {
        let mut event = self.draft(EventType::TurnFailed, "failed", message);
        event.role = Role::System;
        event.metadata = Map::from_iter([
            ("reason".into(), json!(reason)),
            ("attempt".into(), json!(self.attempt)),
            ("text".into(), json!("")),
        ]);
        event
    }
}

/// No attempt was higher: each but the first takes an input.
const fn highest_attempt(steps: u32) -> u32 {
    match steps {
        0 => 1,
        u32::MAX => u32::MAX - 1,
        steps => steps,
    }
}
