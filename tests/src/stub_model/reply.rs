//! What the stub answers, step by step.

use std::time::Duration;

use serde_json::{Value, json};
use soma_core::conversation::model::Usage;

use super::serve::bytes;

/// An answer: a stream that is built here, or something else.
#[derive(Clone, Debug)]
pub struct Reply {
    pub(super) kind: Kind,
    pub(super) steps: Vec<Step>,
    pub(super) headers: Vec<(String, String)>,
    /// How many bytes are written at a time.
    pub(super) piece: usize,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// Server-sent events.
    Stream,
    /// One JSON object, and the status it comes with.
    Whole { status: u16, body: Value },
    /// Nothing at all.
    Mute,
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    Wait(Duration),
    /// A chunk with this delta and reason.
    Delta {
        delta: Value,
        finish: Option<String>,
    },
    /// A chunk that tells what was used.
    Usage(Usage),
    /// A message as it stands here.
    Data(String),
    /// Bytes as they stand here, framed or not.
    Raw(Vec<u8>),
    /// The connection breaks.
    Cut,
    /// Nothing more comes, and the connection stays.
    Silence,
}

impl Reply {
    /// A stream, empty so far; without [`done`](Self::done) it ends in silence about why.
    pub fn stream() -> Self {
        Self::of(Kind::Stream)
    }

    /// A refusal, or anything else that comes as one JSON object.
    pub fn whole(status: u16, body: Value) -> Self {
        Self::of(Kind::Whole { status, body })
    }

    /// Not even the first byte.
    pub fn mute() -> Self {
        Self::of(Kind::Mute)
    }

    /// What is sent of it, step by step, to whoever asks `model`; whether the connection breaks, or goes
    /// silent, and when, is not told.
    pub fn pieces(&self, model: &str) -> Vec<Vec<u8>> {
        match &self.kind {
            Kind::Mute => Vec::new(),
            Kind::Whole { body, .. } => vec![body.to_string().into_bytes()],
            Kind::Stream => {
                let steps = self.steps.iter().cloned();
                steps.map(|step| bytes(step, model, 0)).filter(|piece| !piece.is_empty()).collect()
            }
        }
    }

    /// Whether the answer comes with the status 200.
    pub const fn is_success(&self) -> bool {
        match &self.kind {
            Kind::Stream => true,
            Kind::Whole { status, .. } => *status == 200,
            Kind::Mute => false,
        }
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Written one byte at a time.
    #[must_use]
    pub fn bytewise(mut self) -> Self {
        self.piece = 1;
        self
    }

    /// A pause.
    #[must_use]
    pub fn wait(self, span: Duration) -> Self {
        if span.is_zero() { self } else { self.then(Step::Wait(span)) }
    }

    /// More text.
    #[must_use]
    pub fn text(self, text: &str) -> Self {
        self.delta(json!({"content": text}))
    }

    /// A chunk with this delta.
    #[must_use]
    pub fn delta(self, delta: Value) -> Self {
        self.then(Step::Delta { delta, finish: None })
    }

    /// A call of a tool: its name in one chunk, its arguments in two more.
    #[must_use]
    pub fn call(self, index: usize, name: &str, arguments: &str) -> Self {
        let (first, second) =
            arguments.split_at(arguments.floor_char_boundary(arguments.len() / 2));
        let piece =
            |text: &str| json!({"tool_calls": [{"index": index, "function": {"arguments": text}}]});
        let function = json!({"name": name, "arguments": ""});
        let id = format!("call_stub_{index}");
        let head = json!({"index": index, "id": id, "type": "function", "function": function});
        self.delta(json!({"tool_calls": [head]})).delta(piece(first)).delta(piece(second))
    }

    /// Why the answer ends.
    #[must_use]
    pub fn finish(self, reason: &str) -> Self {
        self.then(Step::Delta { delta: json!({}), finish: Some(reason.into()) })
    }

    /// What the answer used.
    #[must_use]
    pub fn usage(self, usage: Usage) -> Self {
        self.then(Step::Usage(usage))
    }

    /// A message as it stands here.
    #[must_use]
    pub fn data(self, data: &str) -> Self {
        self.then(Step::Data(data.into()))
    }

    /// Bytes as they stand here.
    #[must_use]
    pub fn raw(self, bytes: &[u8]) -> Self {
        self.then(Step::Raw(bytes.into()))
    }

    /// The end of a stream.
    #[must_use]
    pub fn done(self) -> Self {
        self.data("[DONE]")
    }

    /// The connection breaks.
    #[must_use]
    pub fn cut(self) -> Self {
        self.then(Step::Cut)
    }

    /// Nothing more comes, and the connection stays.
    #[must_use]
    pub fn silence(self) -> Self {
        self.then(Step::Silence)
    }

    fn of(kind: Kind) -> Self {
        Self { kind, steps: Vec::new(), headers: Vec::new(), piece: usize::MAX }
    }

    fn then(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }
}
