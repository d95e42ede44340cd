//! The answer as it comes.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::stream::{BoxStream, unfold};
use futures_util::{Stream, StreamExt};
use reqwest::Response;
use soma_core::conversation::model::ModelFailure;
use soma_core::ports::model::{ModelEvent, ModelStream};

use super::OpenAiConfig;
use super::answer::{Answer, Asked};
use super::failure::in_answer;
use super::json;
use super::scrub::Scrub;
use super::wire::{Meaning, read};
use crate::secret::Secret;
use crate::sse::{Message, Parser};

type Event = Result<ModelEvent, ModelFailure>;

/// The longest answer that is no stream, in bytes.
const LONGEST_BODY: usize = 8 << 20;

/// How long a server may go on after it said why it stopped: its usage may still come.
const AFTER_FINISH: Duration = Duration::from_secs(3);

/// A body that broke off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body broke off")]
pub struct BrokenOff;

/// The events of a response.
pub(super) fn events(response: Response, config: &OpenAiConfig, asked: Asked) -> ModelStream {
    let pieces = response.bytes_stream();
    read_body(pieces.map(|piece| piece.map(Vec::from).map_err(|_| BrokenOff)), config, asked)
}

/// The events of a body: a stream, or one JSON document from a server that does not stream. Which it is,
/// its first bytes tell: what the server calls it is often something else.
pub(super) fn read_body<S>(body: S, config: &OpenAiConfig, asked: Asked) -> ModelStream
where
    S: Stream<Item = Result<Vec<u8>, BrokenOff>> + Send + 'static,
{
    let reading = Reading {
        body: body.boxed(),
        kind: Kind::Unknown(Vec::new()),
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

/// Whether nothing follows it.
const fn is_end(event: &Event) -> bool {
    matches!(event, Err(_) | Ok(ModelEvent::Done { .. }))
}

/// What a body is.
enum Kind {
    /// White space so far.
    Unknown(Vec<u8>),
    /// Server-sent events.
    Events(Parser),
    /// A document.
    Document(Vec<u8>),
}

struct Reading {
    body: BoxStream<'static, Result<Vec<u8>, BrokenOff>>,
    kind: Kind,
    answer: Answer,
    ready: VecDeque<Event>,
    over: bool,
    key: Option<Secret>,
    /// How long the next piece may take.
    patience: Duration,
    silence: Duration,
    asked: Asked,
}

impl Reading {
    async fn next(&mut self) -> Option<Event> {
        while !self.over {
            if let Some(event) = self.ready.pop_front() {
                self.over = is_end(&event);
                return Some(event);
            }
            if self.answer.is_finished() {
                // Also if comments come for ever: the answer is there.
                let read = tokio::time::timeout(AFTER_FINISH, self.read_on()).await;
                read.unwrap_or_else(|_| self.finish());
            } else {
                self.read().await;
            }
        }
        None
    }

    /// Reads until the end of the body or of the answer.
    async fn read_on(&mut self) {
        while !self.ready.iter().any(is_end) {
            self.read().await;
        }
    }

    /// Reads a piece of the body.
    async fn read(&mut self) {
        match tokio::time::timeout(self.patience, self.body.next()).await {
            Ok(Some(Ok(bytes))) => {
                self.patience = self.silence;
                self.take(bytes);
            }
            Ok(Some(Err(BrokenOff))) => self.stop(ModelFailure::Broken),
            Ok(None) => self.end(),
            Err(_) => self.stop(ModelFailure::Timeout),
        }
    }

    fn take(&mut self, bytes: Vec<u8>) {
        match &mut self.kind {
            Kind::Unknown(before) => {
                before.extend(bytes);
                let begun = before.trim_ascii_start();
                let begun = begun.strip_prefix("\u{feff}".as_bytes()).unwrap_or(begun);
                match begun.trim_ascii_start().first() {
                    None => {}
                    Some(b'{' | b'[' | b'<') => self.kind = Kind::Document(std::mem::take(before)),
                    Some(_) => {
                        let before = std::mem::take(before);
                        self.kind = Kind::Events(Parser::new());
                        self.take(before);
                    }
                }
            }
            Kind::Document(document) => {
                document.extend(bytes);
                if document.len() > LONGEST_BODY {
                    self.ready.push_back(Err(ModelFailure::Broken));
                }
            }
            Kind::Events(parser) => match parser.push(&bytes) {
                Ok(messages) => messages.iter().for_each(|message| self.message(message)),
                Err(_) => self.ready.push_back(Err(ModelFailure::Broken)),
            },
        }
    }

    /// A message of the stream; of servers that put single line feeds between events, several.
    fn message(&mut self, message: &Message) {
        if !message.data.contains('\n') || json::read(&message.data).is_some() {
            return self.data(&message.data, message.event.as_deref());
        }
        for line in message.data.lines() {
            self.data(line, message.event.as_deref());
        }
    }

    fn data(&mut self, data: &str, event: Option<&str>) {
        let data = data.trim();
        if data.is_empty() {
            return;
        }
        if data == "[DONE]" {
            return self.finish();
        }
        match json::read(data) {
            Some(document) => self.document(document),
            // A sign of life.
            None if event.is_some_and(|event| !matches!(event, "message" | "error")) => {}
            None => {
                tracing::debug!("a chunk of the language model cannot be read");
                self.ready.push_back(Err(ModelFailure::Broken));
            }
        }
    }

    fn document(&mut self, json::Document { value, has_halves }: json::Document) {
        match read(value) {
            Meaning::Error(error) => {
                let failure = in_answer(&error, Scrub(self.key.as_ref()));
                self.ready.push_back(Err(failure));
            }
            Meaning::Chunk(chunk) => match self.answer.take(chunk, has_halves) {
                Ok(events) => self.ready.extend(events.into_iter().map(Ok)),
                Err(failure) => self.ready.push_back(Err(failure)),
            },
        }
    }

    /// The body ended in good order.
    fn end(&mut self) {
        match std::mem::replace(&mut self.kind, Kind::Unknown(Vec::new())) {
            Kind::Unknown(_) => {}
            Kind::Events(parser) => {
                if let Ok(Some(message)) = parser.finish() {
                    self.message(&message);
                }
            }
            Kind::Document(bytes) => return self.whole(&String::from_utf8_lossy(&bytes)),
        }
        self.stop(ModelFailure::Broken);
    }

    /// One document is the whole answer, also if it does not say why it ended; several are as a stream.
    fn whole(&mut self, text: &str) {
        let text = text.trim_start_matches('\u{feff}').trim();
        if let Some(document) = json::read(text) {
            self.document(document);
            if self.answer.is_in_one() && !self.ready.iter().any(Result::is_err) {
                self.finish();
            }
            return self.stop(ModelFailure::Broken);
        }
        if text.starts_with('<') {
            let what = "it answers with a page: the address is not that of an API";
            self.ready.push_back(Err(ModelFailure::Refused(what.into())));
            return;
        }
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            self.data(line, None);
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
        self.ready.extend(answer.done(&self.asked).into_iter().map(Ok));
    }
}
