//! The answer as it comes.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::{BoxStream, unfold};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Response, Result as HttpResult};
use soma_core::conversation::model::ModelFailure;
use soma_core::ports::model::{ModelEvent, ModelStream};

use super::OpenAiConfig;
use super::answer::{Answer, TooMuch};
use super::failure::in_stream;
use super::scrub::Scrub;
use super::wire::Chunk;
use crate::secret::Secret;
use crate::sse::Parser;

type Event = Result<ModelEvent, ModelFailure>;

/// The longest answer that is no stream, in bytes.
const LONGEST_BODY: usize = 8 << 20;

/// The events of a response: a stream, or one JSON object from a server that does not stream.
pub(super) fn events(response: Response, config: &OpenAiConfig, asked: String) -> ModelStream {
    let json = response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|kind| kind.starts_with("application/json"));
    let reading = Reading {
        body: response.bytes_stream().map(|piece| piece.map(|bytes| bytes.to_vec())).boxed(),
        whole: json.then(Vec::new),
        parser: Parser::new(),
        answer: Answer::default(),
        ready: VecDeque::new(),
        over: false,
        key: config.api_key.clone(),
        patience: config.first_byte,
        silence: config.silence,
        asked,
    };
    unfold(reading, |mut reading| async move {
        let event = reading.next().await?;
        Some((event, reading))
    })
    .boxed()
}

struct Reading {
    body: BoxStream<'static, HttpResult<Vec<u8>>>,
    /// The body so far, if it is no stream.
    whole: Option<Vec<u8>>,
    parser: Parser,
    answer: Answer,
    ready: VecDeque<Event>,
    over: bool,
    key: Option<Secret>,
    /// How long the next piece may take.
    patience: Duration,
    silence: Duration,
    asked: String,
}

impl Reading {
    async fn next(&mut self) -> Option<Event> {
        while !self.over {
            if let Some(event) = self.ready.pop_front() {
                self.over = !matches!(event, Ok(ModelEvent::Text(_)));
                return Some(event);
            }
            match tokio::time::timeout(self.patience, self.body.next()).await {
                Ok(Some(Ok(bytes))) => {
                    self.patience = self.silence;
                    self.take(&bytes);
                }
                Ok(Some(Err(_))) => self.stop(ModelFailure::Broken),
                Ok(None) => self.end(),
                Err(_) => self.stop(ModelFailure::Timeout),
            }
        }
        None
    }

    fn take(&mut self, bytes: &[u8]) {
        if let Some(whole) = &mut self.whole {
            whole.extend_from_slice(bytes);
            if whole.len() > LONGEST_BODY {
                self.ready.push_back(Err(ModelFailure::Broken));
            }
            return;
        }
        match self.parser.push(bytes) {
            Ok(messages) => messages.iter().for_each(|message| self.message(&message.data)),
            Err(_) => self.ready.push_back(Err(ModelFailure::Broken)),
        }
    }

    fn message(&mut self, data: &str) {
        if data.trim() == "[DONE]" {
            self.finish();
        } else {
            self.chunk(serde_json::from_str(data));
        }
    }

    fn chunk(&mut self, chunk: serde_json::Result<Chunk>) {
        match chunk {
            Ok(Chunk { error: Some(error), .. }) if !error.is_null() => {
                let failure = in_stream(&error, Scrub(self.key.as_ref()));
                self.ready.push_back(Err(failure));
            }
            Ok(chunk) => match self.answer.take(chunk) {
                Ok(text) if text.is_empty() => {}
                Ok(text) => self.ready.push_back(Ok(ModelEvent::Text(text))),
                Err(TooMuch) => self.ready.push_back(Err(ModelFailure::Broken)),
            },
            Err(error) => {
                tracing::debug!(%error, "a chunk of the language model cannot be read");
                self.ready.push_back(Err(ModelFailure::Broken));
            }
        }
    }

    /// The body ended in good order.
    fn end(&mut self) {
        if let Some(whole) = self.whole.take() {
            self.chunk(serde_json::from_slice(&whole));
        } else if let Ok(Some(message)) = std::mem::take(&mut self.parser).finish() {
            self.message(&message.data);
        }
        self.stop(ModelFailure::Broken);
    }

    /// Nothing more comes: a failure, unless the reason for the end was given.
    fn stop(&mut self, failure: ModelFailure) {
        if self.answer.is_finished() {
            self.finish();
        } else {
            self.ready.push_back(Err(failure));
        }
    }

    fn finish(&mut self) {
        let answer = std::mem::take(&mut self.answer);
        self.ready.push_back(Ok(answer.done(self.asked.clone())));
    }
}
