//! A model that does what the message says.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::unfold;
use soma_core::budget::Tokens;
use soma_core::conversation::model::{
    ChatMessage, FinishReason, ModelFailure, ModelToolCall, Usage,
};
use soma_core::ids::TurnId;
use soma_core::ports::model::{ModelEvent, ModelRequest, ModelStream};
use soma_core::ports::{Model, Timer};
use soma_simulated::Process;

use super::speech::piece;
use super::tools::name_of;
use super::words::{Told, Trouble, Words};
use crate::audit::Audit;

/// How often the model was called for each turn.
#[derive(Debug, Default)]
pub struct Calls(Mutex<BTreeMap<(TurnId, usize), u64>>);

impl Calls {
    /// Counts one after so many rounds of tools. Answers how many there were before, in all and since
    /// the last round.
    fn count(&self, turn: TurnId, round: usize) -> (u64, u64) {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all = calls.range((turn, 0)..=(turn, usize::MAX)).map(|(_, count)| count).sum();
        let count = calls.entry((turn, round)).or_default();
        *count += 1;
        (all, *count - 1)
    }
}

/// The model, as one process asks it.
pub struct SimulatedModel {
    process: Process,
    timer: Arc<dyn Timer>,
    calls: Arc<Calls>,
    audit: Arc<Audit>,
}

impl SimulatedModel {
    /// The model, as `process` asks it.
    pub fn new(process: &Process, calls: Arc<Calls>, audit: Arc<Audit>) -> Self {
        let timer = process.punctual_timer();
        Self { process: process.clone(), timer, calls, audit }
    }
}

#[async_trait]
impl Model for SimulatedModel {
    async fn generate(&self, request: ModelRequest) -> Result<ModelStream, ModelFailure> {
        let round = rounds(&request.messages);
        let (call, of_round) = self.calls.count(request.turn_id, round);
        self.audit.model_called(request.turn_id);
        self.audit.prompted(request.turn_id, &request.messages);
        let words = Words::parse(last_words(&request.messages));
        let trouble = words.trouble(call, of_round);
        match trouble {
            Trouble::Busy(seconds) => {
                let retry_after_seconds = (seconds > 0).then_some(seconds);
                return Err(ModelFailure::RateLimited { retry_after_seconds });
            }
            Trouble::Down => return Err(ModelFailure::Unavailable("down".into())),
            Trouble::Filter => return Err(ModelFailure::ContentFilter),
            Trouble::None | Trouble::Cut | Trouble::Hang(_) | Trouble::Empty | Trouble::Poison => {}
        }
        let prompt = request.messages.iter().map(|one| one.tokens(&count)).sum();
        let asks = words.rounds.get(round).filter(|_| !request.tools.is_empty());
        let answer = Answer {
            turn: request.turn_id,
            timer: Arc::clone(&self.timer),
            audit: Arc::clone(&self.audit),
            process: self.process.clone(),
            asks: asks.map(|asks| tool_calls(asks)).unwrap_or_default(),
            most: request.max_tokens,
            bytes: 0,
            said: 0,
            prompt,
            piece: 0,
            call,
            trouble,
            words,
        };
        Ok(unfold(Some(answer), Answer::step).boxed())
    }

    fn count(&self, text: &str) -> Tokens {
        count(text)
    }

    fn describe(&self) -> String {
        "the simulated model".into()
    }
}

soma_core::opaque_debug!(SimulatedModel);

const BYTES_PER_TOKEN: usize = 4;

/// The tokens of a text.
fn count(text: &str) -> Tokens {
    text.len().div_ceil(BYTES_PER_TOKEN) as Tokens
}

fn last_words(messages: &[ChatMessage]) -> &str {
    let said = messages.iter().rev().find_map(|message| match message {
        ChatMessage::User { content } => Some(content.as_str()),
        ChatMessage::System { .. } | ChatMessage::Assistant { .. } | ChatMessage::Tool { .. } => {
            None
        }
    });
    said.unwrap_or_default()
}

/// How often the model asked for tools since the person spoke.
fn rounds(messages: &[ChatMessage]) -> usize {
    let since = messages.iter().rev().take_while(|one| !matches!(one, ChatMessage::User { .. }));
    since.filter(|one| matches!(one, ChatMessage::Assistant { tool_calls, .. } if !tool_calls.is_empty())).count()
}

fn tool_calls(initials: &str) -> Vec<ModelToolCall> {
    let calls = initials.chars().enumerate().map(|(index, initial)| ModelToolCall {
        id: format!("call-{index}"),
        name: name_of(initial).to_owned(),
        arguments: format!("{{\"n\":{index}}}"),
    });
    calls.collect()
}

/// An answer that is being given.
struct Answer {
    turn: TurnId,
    timer: Arc<dyn Timer>,
    audit: Arc<Audit>,
    process: Process,
    words: Words,
    asks: Vec<ModelToolCall>,
    trouble: Trouble,
    call: u64,
    piece: u64,
    prompt: Tokens,
    /// How many bytes it has said.
    bytes: usize,
    /// How many tokens that is.
    said: Tokens,
    /// The most tokens it may say.
    most: Tokens,
}

impl Answer {
    async fn step(
        answer: Option<Self>,
    ) -> Option<(Result<ModelEvent, ModelFailure>, Option<Self>)> {
        let mut answer = answer?;
        if answer.piece == 0 {
            answer.audit.model_used(answer.turn, answer.prompt);
        }
        let pieces = if answer.trouble == Trouble::Empty { 0 } else { answer.words.pieces };
        let pause = answer.words.pause();
        if !pause.is_zero() {
            answer.timer.sleep(pause).await;
        }
        if answer.piece == answer.words.at.min(pieces) {
            match answer.trouble {
                Trouble::Cut => return Some((Err(ModelFailure::Broken), None)),
                Trouble::Hang(seconds) => {
                    answer.timer.sleep(Duration::from_secs(seconds)).await;
                    return Some((Err(ModelFailure::Timeout), None));
                }
                Trouble::Poison => return answer.process.die().await,
                Trouble::None
                | Trouble::Busy(_)
                | Trouble::Down
                | Trouble::Filter
                | Trouble::Empty => {}
            }
        }
        let text = if answer.piece < pieces { answer.next_piece() } else { None };
        let Some(text) = text else { return Some((Ok(answer.done()), None)) };
        answer.piece += 1;
        Some((Ok(ModelEvent::Text(text)), Some(answer)))
    }

    /// What it says next, unless it has said as much as it may.
    fn next_piece(&mut self) -> Option<String> {
        let Self { words: Words { number, .. }, call, piece: index, .. } = self;
        let text = piece(*number, *call, *index);
        let bytes = self.bytes + text.len();
        let said = bytes.div_ceil(BYTES_PER_TOKEN) as Tokens;
        if said > self.most {
            return None;
        }
        self.audit.model_used(self.turn, said - self.said);
        (self.bytes, self.said) = (bytes, said);
        Some(text)
    }

    fn done(&self) -> ModelEvent {
        let finish = match self.asks.is_empty() {
            true if self.piece < self.words.pieces => FinishReason::Length,
            true => FinishReason::Stop,
            false => FinishReason::ToolCalls,
        };
        let (prompt_tokens, completion_tokens) = (self.prompt, self.said);
        let usage = match self.words.told {
            Told::Truth => Some(Usage { prompt_tokens, completion_tokens, estimated: false }),
            Told::Nothing => None,
            Told::TooMuch => {
                let completion_tokens = completion_tokens * 3 + 1_000;
                Some(Usage { prompt_tokens, completion_tokens, estimated: false })
            }
        };
        ModelEvent::Done { tool_calls: self.asks.clone(), finish, usage, model: "simulated".into() }
    }
}
