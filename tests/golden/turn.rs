//! A turn with its whole record.

use serde::{Deserialize, Serialize};
use soma_core::budget::Grant;
use soma_core::budget::window::BudgetWindow;
use soma_core::conversation::model::FinishReason;
use soma_core::ids::{CallId, TurnId};
use soma_core::policy::Action;
use soma_core::tool::{ToolOutcome, ToolStatus};
use soma_core::turn::input::{Input, RecordedInput};
use soma_core::turn::machine::{Phase, Turn as Machine};

use crate::samples::{AT, accepted, answer, asked, config, context, decision, outcome, turn};

/// A turn with its whole record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Turn {
    turn_id: TurnId,
    inputs: Vec<RecordedInput>,
}

impl Turn {
    /// Where its record leads.
    pub(crate) fn folded(&self) -> Phase {
        Machine::fold(self.turn_id, &self.inputs).unwrap().0.phase()
    }
}

/// A turn that asked for a tool once, and was answered.
pub(crate) fn answered_turn() -> Turn {
    let window = BudgetWindow::at(AT);
    let granted = || Input::BudgetAnswered { window, grant: Grant::Granted(1_144) };
    let actions = [Action::ConversationSend, Action::MemoryRecall, Action::MemoryWrite];
    let first = [
        Input::Accepted(accepted()),
        Input::Started { config: Box::new(config()), tools: None },
        Input::Authorized { decisions: actions.map(decision).into() },
        Input::ContextLoaded(context()),
        granted(),
        Input::ModelAnswered(answer(vec![asked()], FinishReason::ToolCalls)),
    ];
    let call = CallId::derived(turn(), 0, 0);
    let outcome = ToolOutcome { call_id: call, ..outcome(ToolStatus::Success) };
    let last = [
        Input::ToolFinished { outcome, tokens: 9 },
        granted(),
        Input::ModelAnswered(answer(Vec::new(), FinishReason::Stop)),
    ];
    let inputs = first.into_iter().chain(last);
    let inputs = inputs.map(|input| RecordedInput { input, at: AT }).collect();
    Turn { turn_id: turn(), inputs }
}
