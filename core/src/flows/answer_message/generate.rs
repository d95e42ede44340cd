//! Asking the model, and streaming what it says while it says it.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Either, select};
use futures_util::stream::StreamExt;
use tracing::Instrument;

use super::deltas::Deltas;
use super::drive::Drive;
use crate::conversation::model::{ChatMessage, FinishReason, ModelFailure, Usage};
use crate::observe;
use crate::outbox::backoff::Backoff;
use crate::ports::PortResult;
use crate::ports::model::{About, ModelEvent, ModelRequest, ModelStream};
use crate::spans;
use crate::turn::input::{Input, ModelAnswer};
use crate::turn::prompt;
use crate::turn::step::Generate;

/// How long text is collected before it is sent.
const COALESCE: Duration = Duration::from_millis(25);
/// How long a piece waits to be sent again, should the log not take it.
const RESEND: Duration = Duration::from_millis(200);
/// The longest answer, in bytes: a model that does not stop is stopped.
const LONGEST_ANSWER: usize = 1 << 20;
const BACKOFF: Backoff = Backoff { base: Duration::from_millis(500), cap: Duration::from_secs(20) };

/// What happens next while a model answers.
enum Next {
    Said(Option<Result<ModelEvent, ModelFailure>>),
    Flush,
    BreakOff,
}

impl Drive<'_> {
    /// Asks the model; the answer is streamed as it comes.
    pub(super) async fn generate(&mut self, generate: &Generate) -> PortResult<Input> {
        if self.wait_before(generate).await {
            return Ok(self.broken_off(String::new(), Usage::default()));
        }
        let request = self.request(generate).await?;
        let model = &generate.profile.model;
        let span = spans::chat(self.claim.session_id, model, request.max_tokens);
        let input = self.ask(generate, request).instrument(span.clone()).await;
        spans::answered(&span, &input);
        if let Input::ModelFailed { failure, .. } = &input {
            let (session, turn) = (self.claim.session_id, self.turn.id());
            observe::model_failed(session, turn, model, failure, generate.failures);
            if *failure == ModelFailure::TooLong {
                // The turn may ask again with less of it.
                self.history = None;
            }
        }
        Ok(input)
    }

    async fn ask(&self, generate: &Generate, request: ModelRequest) -> Input {
        let prompt = self.prompt_tokens(&request.messages);
        let mut deltas = Deltas::new(generate);
        let asked = {
            let signal = std::pin::pin!(self.signals.wait());
            match select(self.flow.ports.model.generate(request), signal).await {
                Either::Left((asked, _)) => asked,
                Either::Right(_) => {
                    let usage =
                        Usage { prompt_tokens: prompt, completion_tokens: 0, estimated: true };
                    return self.broken_off(String::new(), usage);
                }
            }
        };
        match asked {
            Ok(stream) => {
                let input = self.stream(stream, &mut deltas, prompt).await;
                ask_again_if_empty(input, generate)
            }
            Err(failure) => {
                Input::ModelFailed { failure, text: String::new(), usage: Usage::default() }
            }
        }
    }

    async fn stream(&self, mut stream: ModelStream, deltas: &mut Deltas, prompt: u64) -> Input {
        let mut due: Option<BoxFuture<'_, ()>> = deltas.is_unsent().then(|| async {}.boxed());
        loop {
            match self.next(&mut stream, &mut due).await {
                Next::Flush => {
                    self.flush(deltas).await;
                    due = deltas.is_unsent().then(|| self.flow.world.timer.sleep(RESEND));
                }
                Next::Said(Some(Ok(ModelEvent::Reasoning(text)))) => {
                    deltas.think(&text);
                    if deltas.reasoning().len() > LONGEST_ANSWER {
                        return self.done(deltas, prompt, Ending::stopped()).await;
                    }
                    due.get_or_insert_with(|| self.flow.world.timer.sleep(COALESCE));
                }
                Next::Said(Some(Ok(ModelEvent::Text(text)))) => {
                    deltas.push(&text);
                    if deltas.own_text().len() > LONGEST_ANSWER {
                        return self.done(deltas, prompt, Ending::stopped()).await;
                    }
                    due.get_or_insert_with(|| self.flow.world.timer.sleep(COALESCE));
                }
                Next::Said(Some(Ok(ModelEvent::Done { tool_calls, finish, usage, model }))) => {
                    return self
                        .done(deltas, prompt, Ending { tool_calls, finish, usage, model })
                        .await;
                }
                Next::Said(Some(Err(failure))) => {
                    return self.failed(deltas, prompt, failure).await;
                }
                Next::Said(None) => return self.failed(deltas, prompt, ModelFailure::Broken).await,
                Next::BreakOff => {
                    if self.signals.cancelled.is_set() {
                        self.flush_all(deltas).await;
                    }
                    let usage = self.estimate(prompt, deltas);
                    return self.broken_off(deltas.own_text().to_owned(), usage);
                }
            }
        }
    }

    async fn next(&self, stream: &mut ModelStream, due: &mut Option<BoxFuture<'_, ()>>) -> Next {
        let said = stream.next();
        let signal = std::pin::pin!(self.signals.wait());
        let flush = async {
            match due {
                Some(due) => due.await,
                None => std::future::pending().await,
            }
        };
        match select(signal, select(said, std::pin::pin!(flush))).await {
            Either::Left(_) => Next::BreakOff,
            Either::Right((Either::Left((said, _)), _)) => Next::Said(said),
            Either::Right((Either::Right(_), _)) => Next::Flush,
        }
    }

    async fn done(&self, deltas: &mut Deltas, prompt: u64, ending: Ending) -> Input {
        self.flush_all(deltas).await;
        let text = deltas.own_text().to_owned();
        let usage = ending.usage.unwrap_or_else(|| self.estimate(prompt, deltas));
        let calls = ending.tool_calls;
        let said = ChatMessage::Assistant { content: text.clone(), tool_calls: calls.clone() };
        let tokens = self.prompt_tokens(&[said]);
        let model = ending.model;
        Input::ModelAnswered(ModelAnswer {
            text,
            tool_calls: calls,
            finish: ending.finish,
            usage,
            model,
            tokens,
        })
    }

    async fn failed(&self, deltas: &mut Deltas, prompt: u64, failure: ModelFailure) -> Input {
        self.flush_all(deltas).await;
        let text = deltas.own_text().to_owned();
        let usage = self.estimate(prompt, deltas);
        Input::ModelFailed { failure, text, usage }
    }

    /// Waits as long as the model wants, and longer the more often it failed. Returns whether a
    /// signal was given meanwhile.
    async fn wait_before(&self, generate: &Generate) -> bool {
        let jitter = match generate.failures {
            0 => Duration::ZERO,
            failures => BACKOFF.wait(failures, self.flow.world.ids.random()),
        };
        let wait = Duration::from_secs(generate.wait_seconds) + jitter;
        if !wait.is_zero() {
            let sleep = self.flow.world.timer.sleep(wait);
            select(sleep, std::pin::pin!(self.signals.wait())).await;
        }
        self.signals.is_set()
    }

    async fn request(&mut self, generate: &Generate) -> PortResult<ModelRequest> {
        let history = self.history().await?;
        let recalled = self.turn.context().map_or(&[][..], |context| &context.recalled);
        let about = About {
            analysis: self.turn.analysis().cloned(),
            recalled: recalled.iter().map(|memory| memory.text.clone()).collect(),
            history: history.len(),
        };
        Ok(ModelRequest {
            session_id: self.claim.session_id,
            turn_id: self.turn.id(),
            profile: generate.profile.clone(),
            messages: prompt::build(&self.turn, history),
            tools: if generate.tools { self.tools.clone() } else { Vec::new() },
            max_tokens: generate.max_tokens,
            about,
        })
    }

    fn prompt_tokens(&self, messages: &[ChatMessage]) -> u64 {
        let count = |text: &str| self.model().count(text);
        messages.iter().map(|message| message.tokens(&count)).sum()
    }

    fn estimate(&self, prompt_tokens: u64, deltas: &Deltas) -> Usage {
        let count = |text| self.model().count(text);
        let completion_tokens = count(deltas.own_text()) + count(deltas.reasoning());
        Usage { prompt_tokens, completion_tokens, estimated: true }
    }
}

/// An answer without a word, and without an end that explains it, is taken for one that broke off: what
/// was wrong with the server may be over. If the next one is empty, too, it is what the model says.
fn ask_again_if_empty(input: Input, generate: &Generate) -> Input {
    if let Input::ModelAnswered(answer) = &input
        && generate.failures == 0
        && is_empty(answer)
    {
        let (failure, usage) = (ModelFailure::Broken, answer.usage);
        return Input::ModelFailed { failure, text: String::new(), usage };
    }
    input
}

fn is_empty(answer: &ModelAnswer) -> bool {
    let unexplained = matches!(answer.finish, FinishReason::Stop | FinishReason::ToolCalls);
    unexplained && answer.text.is_empty() && answer.tool_calls.is_empty()
}

/// How a model ended its answer.
struct Ending {
    tool_calls: Vec<crate::conversation::model::ModelToolCall>,
    finish: FinishReason,
    usage: Option<Usage>,
    model: String,
}

impl Ending {
    /// It did not end by itself.
    const fn stopped() -> Self {
        let finish = FinishReason::Length;
        Self { tool_calls: Vec::new(), finish, usage: None, model: String::new() }
    }
}
