//! The loop: take the open question, ask it through a port, feed the answer to the turn, and commit
//! at each durable boundary.

use super::AnswerMessage;
use super::commit::Pending;
use super::dead_letter::{dead_letter, dead_letter_unread, unread_call};
use crate::conversation::chain::Chain;
use crate::conversation::model::{ChatMessage, Usage};
use crate::flows::claims::{Handled, Signals};
use crate::flows::persist::retry;
use crate::ids::TurnId;
use crate::ports::work::Claim;
use crate::ports::{Model, PortError, PortResult};
use crate::tool::{CallRecord, CallState, ToolOutcome, ToolSpec, ToolStatus};
use crate::turn::input::{Input, RecordedInput};
use crate::turn::machine::{Phase, Turn, Unexpected};
use crate::turn::prompt;
use crate::turn::step::Request;
use crate::work::session::TurnRecord;
use crate::work::suspicion::MOST_TRIES;

pub(super) const TRIES: u32 = 6;

/// One turn that is being driven.
pub(super) struct Drive<'a> {
    pub(super) flow: &'a AnswerMessage,
    pub(super) claim: &'a Claim,
    pub(super) signals: &'a Signals,
    pub(super) turn: Turn,
    /// The question that is open.
    pub(super) request: Option<Request>,
    /// What the steps since the last commit lead to.
    pub(super) pending: Pending,
    /// The session's chain, as far as it is known here.
    pub(super) chain: Chain,
    /// Whether the session may have another turn by now.
    pub(super) more: bool,
    /// The tools that the model may ask for.
    pub(super) tools: Vec<ToolSpec>,
    /// The history that is shown, once it was read.
    pub(super) history: Option<Vec<ChatMessage>>,
}

/// What becomes of a claim.
pub(super) enum Taken<'a> {
    /// Its turn is driven.
    Up(Box<Drive<'a>>),
    /// There is nothing to be driven.
    Off(Handled),
}

impl<'a> Drive<'a> {
    /// Takes up the turn from its record, and feeds it what happened since: a crash, a cancellation,
    /// tools.
    pub(super) async fn load(
        flow: &'a AnswerMessage,
        claim: &'a Claim,
        turn_id: TurnId,
        signals: &'a Signals,
    ) -> PortResult<Taken<'a>> {
        let record = if let Some(record) = &claim.turn {
            record.clone()
        } else {
            let store = &flow.ports.store;
            let read = retry(&flow.world, TRIES, || store.turn(turn_id)).await?;
            let Some(record) = read else { return Ok(Taken::Off(Handled::default())) };
            record
        };
        if record.cancel_requested {
            signals.cancelled.trigger();
        }
        if let Some(unreadable) = &record.unreadable {
            return Ok(Taken::Off(
                dead_letter_unread(flow, claim, signals, &record, unreadable).await?,
            ));
        }
        let (turn, request) = match Turn::fold(turn_id, &record.inputs) {
            Ok(folded) => folded,
            Err(error) => {
                let handled = dead_letter(flow, claim, signals, &record, error.to_string()).await?;
                return Ok(Taken::Off(handled));
            }
        };
        let toolbox = &flow.ports.tools;
        let mut tools = retry(&flow.world, TRIES, || toolbox.specs(&claim.tenant)).await?;
        tools.retain(ToolSpec::may_run);
        let mut drive = Self {
            flow,
            claim,
            signals,
            tools: turn.offered(tools),
            pending: Pending::new(turn.steps()),
            turn,
            request,
            chain: claim.session.chain,
            more: claim.session.turns_accepted > record.number,
            history: None,
        };
        drive.catch_up(&record)?;
        let stuck = drive.request.is_none() && !drive.signals.cancelled.is_set();
        if stuck && drive.turn.phase() == Phase::AwaitingTools {
            let why = "its tools ended, and none was its own";
            return Ok(Taken::Off(dead_letter(flow, claim, signals, &record, why.into()).await?));
        }
        Ok(Taken::Up(Box::new(drive)))
    }

    /// Drives the turn until it is done, waits for tools, is to stop, or is someone else's.
    pub(super) async fn run(mut self: Box<Self>) -> PortResult<Handled> {
        while self.turn.phase() != Phase::Done {
            if self.signals.cancelled.is_set() {
                self.feed(self.broken_off(String::new(), Usage::default()))?;
                continue;
            }
            if self.signals.stopping.is_set() {
                if self.turn.phase() == Phase::Generating {
                    self.feed(self.broken_off(String::new(), Usage::default()))?;
                }
                break;
            }
            let input = match self.request.take() {
                None => break,
                Some(Request::Generate(generate)) => {
                    if !self.commit().await? {
                        return Ok(self.handled(false));
                    }
                    self.generate(&generate).await?
                }
                Some(Request::Authorize) => self.authorize().await,
                Some(Request::GatherContext { prompt_limit, recall }) => {
                    self.gather(prompt_limit, recall).await?
                }
                Some(Request::Reserve { call, window, want, least }) => {
                    // The record knows of one open reservation: the last is settled in it before
                    // tokens are set aside for the next.
                    if self.pending.settles() && !self.commit().await? {
                        return Ok(self.handled(false));
                    }
                    self.reserve(call, window, want, least).await?
                }
            };
            self.feed(input)?;
        }
        let released = self.commit_and_release().await?;
        Ok(self.handled(released))
    }

    const fn handled(&self, released: bool) -> Handled {
        Handled { released, more: self.more }
    }

    /// Feeds the turn what happened since its record was written.
    fn catch_up(&mut self, record: &TurnRecord) -> PortResult<()> {
        if self.turn.phase() == Phase::Done {
            return Ok(());
        }
        if self.claim.tries >= MOST_TRIES {
            return self.feed(Input::GaveUp { tries: self.claim.tries });
        }
        match self.turn.phase() {
            Phase::Accepted => {
                let config = Box::new(self.flow.config.clone());
                let tools = self.tools.iter().map(|tool| tool.name.clone()).collect();
                self.feed(Input::Started { config, tools: Some(tools) })
            }
            Phase::Generating => self.feed(Input::Interrupted),
            Phase::AwaitingTools => self.take_results(record),
            Phase::New | Phase::Authorizing | Phase::Gathering | Phase::Reserving | Phase::Done => {
                Ok(())
            }
        }
    }

    fn take_results(&mut self, record: &TurnRecord) -> PortResult<()> {
        let open: Vec<_> = self.turn.open_calls().map(|call| call.call_id).collect();
        let arrived = |call: &&CallRecord| {
            call.state == CallState::Delivered && open.contains(&call.call.call_id)
        };
        for call in record.calls.iter().filter(arrived) {
            if let Some(outcome) = call.outcome.clone().or_else(|| self.unread_outcome(call)) {
                let shown = prompt::tool_result(&outcome.payload);
                let tokens = self.flow.ports.model.count(&shown) + 4;
                self.feed(Input::ToolFinished { outcome, tokens })?;
            }
        }
        Ok(())
    }

    /// What a tool answered, if that cannot be read: it is set aside, and the turn goes on.
    fn unread_outcome(&mut self, call: &CallRecord) -> Option<ToolOutcome> {
        let unreadable = call.unreadable.as_ref()?;
        self.pending.set_aside(unread_call(call, unreadable, self.flow.world.clock.now()));
        let message = "what the tool answered cannot be read any more";
        Some(ToolOutcome::failed(call.call.call_id, ToolStatus::Error, message))
    }

    /// What becomes of the running model call when a signal ends it.
    pub(super) fn broken_off(&self, text: String, usage: Usage) -> Input {
        if self.signals.cancelled.is_set() {
            Input::Cancelled { text, usage }
        } else {
            Input::Released { text, usage }
        }
    }

    /// One step of the turn.
    pub(super) fn feed(&mut self, input: Input) -> PortResult<()> {
        let at = self.flow.world.clock.now();
        let blank = Turn::new(self.turn.id());
        let turn = std::mem::replace(&mut self.turn, blank);
        let step = turn.step(input.clone(), at).map_err(unreadable)?;
        self.turn = step.turn;
        self.request = step.request;
        self.pending.add(RecordedInput { input, at }, step.effects);
        Ok(())
    }

    /// Counts the tokens of a text.
    pub(super) fn model(&self) -> &dyn Model {
        &*self.flow.ports.model
    }
}

/// A record that does not fold is of another build, or damaged: a person is needed.
fn unreadable(error: Unexpected) -> PortError {
    PortError::Broken { what: "the record of a turn", source: Box::new(error) }
}
