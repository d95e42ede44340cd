//! The loop: take the open question, ask it through a port, feed the answer to the turn, and commit
//! at each durable boundary.

use super::AnswerMessage;
use super::commit::Pending;
use super::dead_letter::dead_letter;
use crate::conversation::event::Seq;
use crate::conversation::model::{ChatMessage, Usage};
use crate::flows::claims::Signals;
use crate::flows::persist::retry;
use crate::ports::work::Claim;
use crate::ports::{Model, PortError, PortResult};
use crate::tool::CallState;
use crate::turn::input::{Input, RecordedInput};
use crate::turn::machine::{Phase, Turn, Unexpected};
use crate::turn::prompt;
use crate::turn::step::Request;
use crate::work::session::TurnRecord;

pub(super) const TRIES: u32 = 6;
/// A turn that was taken up so often without progress is given up.
const MAX_TRIES: u32 = 3;

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
    /// The session's last event that is known here.
    pub(super) seq: Seq,
    /// The history that is shown, once it was read.
    pub(super) history: Option<Vec<ChatMessage>>,
}

impl<'a> Drive<'a> {
    /// Reads the turn's record, and feeds it what happened since: a crash, a cancellation, tools.
    pub(super) async fn load(
        flow: &'a AnswerMessage,
        claim: &'a Claim,
        signals: &'a Signals,
    ) -> PortResult<Option<Self>> {
        let Some(turn_id) = claim.turn_id else { return Ok(None) };
        let store = &flow.ports.store;
        let record = retry(&flow.world, TRIES, || store.turn(turn_id)).await?;
        let session =
            retry(&flow.world, TRIES, || store.session(&claim.tenant, claim.session_id)).await?;
        let (Some(record), Some(session)) = (record, session) else { return Ok(None) };
        if record.cancel_requested {
            signals.cancelled.trigger();
        }
        let (turn, request) = match Turn::fold(turn_id, &record.inputs) {
            Ok(folded) => folded,
            Err(error) => {
                dead_letter(flow, claim, &record, error.to_string()).await?;
                return Ok(None);
            }
        };
        let mut drive = Self {
            flow,
            claim,
            signals,
            pending: Pending::new(turn.steps()),
            turn,
            request,
            seq: session.chain.count,
            history: None,
        };
        drive.catch_up(&record)?;
        let stuck = drive.request.is_none() && !drive.signals.cancelled.is_set();
        if stuck && drive.turn.phase() == Phase::AwaitingTools {
            dead_letter(flow, claim, &record, "its tools ended, and none was its own".into())
                .await?;
            return Ok(None);
        }
        Ok(Some(drive))
    }

    /// Drives the turn until it is done, waits for tools, is to stop, or is someone else's.
    pub(super) async fn run(mut self) -> PortResult<()> {
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
                        return Ok(());
                    }
                    self.generate(&generate).await?
                }
                Some(Request::Authorize) => self.authorize().await,
                Some(Request::GatherContext { prompt_limit, recall }) => {
                    self.gather(prompt_limit, recall).await?
                }
                Some(Request::Reserve { call, want, least }) => {
                    // The record knows of one open reservation: the last is settled in it before
                    // tokens are set aside for the next.
                    if self.pending.settles() && !self.commit().await? {
                        return Ok(());
                    }
                    self.reserve(call, want, least).await?
                }
            };
            self.feed(input)?;
        }
        self.commit().await?;
        Ok(())
    }

    /// Feeds the turn what happened since its record was written.
    fn catch_up(&mut self, record: &TurnRecord) -> PortResult<()> {
        if self.turn.phase() == Phase::Done {
            return Ok(());
        }
        if self.claim.tries > MAX_TRIES {
            return self.feed(Input::GaveUp { tries: self.claim.tries - 1 });
        }
        match self.turn.phase() {
            Phase::Accepted => {
                self.feed(Input::Started { config: Box::new(self.flow.config.clone()) })
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
        for call in &record.calls {
            let arrived = call.state == CallState::Delivered && open.contains(&call.call.call_id);
            if let Some(outcome) = call.outcome.clone().filter(|_| arrived) {
                let shown = prompt::tool_result(&outcome.payload);
                let tokens = self.flow.ports.model.count(&shown) + 4;
                self.feed(Input::ToolFinished { outcome, tokens })?;
            }
        }
        Ok(())
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
