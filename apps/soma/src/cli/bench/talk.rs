//! A conversation under load: a client posts, and watches the stream that it keeps open.
#![expect(clippy::disallowed_methods, reason = "it measures real time")]

use std::time::{Duration, Instant};

use futures_util::try_join;
use serde_json::Value;
use soma_runtime::report::Fatal;
use tokio::time::{sleep, timeout};

use crate::client::Client;
use crate::trouble::Trouble;
use crate::watch::Watch;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long a client rests when a turn has failed.
const REST: Duration = Duration::from_millis(100);

/// A session that has begun, and its open stream.
pub(super) struct Talk {
    client: Client,
    watch: Watch,
}

/// How long the parts of a turn took, each from the moment it was due.
pub(super) struct Timing {
    /// Until the POST was answered.
    pub(super) accepted: Duration,
    /// Until the first piece of the answer.
    pub(super) first: Duration,
    /// Until the answer was complete.
    pub(super) last: Duration,
}

/// Why a turn does not count as answered.
#[derive(Debug)]
pub(super) struct Failure(pub(super) String);

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        Self(trouble.text())
    }
}

impl Talk {
    /// Opens a session with one message, waits for its answer, and keeps the stream open from there.
    pub(super) async fn begin(mut client: Client, message: &str) -> Result<Self, Trouble> {
        client.send(message).await?;
        client.follow(|_| Ok(())).await?;
        let none = || Trouble::Unreachable(Fatal::new("the session has no stream", ""));
        let watch = client.watch("").await?.ok_or_else(none)?;
        Ok(Self { client, watch })
    }

    /// Says something that was due at `due`, and watches the answer. One whose pieces do not add up to its
    /// whole is none.
    pub(super) async fn turn(&mut self, message: &str, due: Instant) -> Result<Timing, Failure> {
        let Self { client, watch } = self;
        let accept = async {
            let turn = client.send(message).await?;
            Ok::<_, Failure>((turn, due.elapsed()))
        };
        let both = async { try_join!(accept, answer(watch, due)) };
        let late = |_| Failure(format!("no answer within {} s", PATIENCE.as_secs()));
        let ((turn, accepted), answer) = timeout(PATIENCE, both).await.map_err(late)??;
        if answer.turn != turn {
            return Err(Failure("the answer to another message".into()));
        }
        Ok(Timing { accepted, first: answer.first, last: answer.last })
    }

    /// Goes on in another session: what this one still sends is no answer to what is said next.
    pub(super) async fn renew(&mut self, message: &str) {
        sleep(REST).await;
        if let Ok(talk) = Self::begin(self.client.another(), message).await {
            *self = talk;
        }
    }
}

/// An answer whose pieces add up.
struct Answer {
    turn: String,
    first: Duration,
    last: Duration,
}

async fn answer(watch: &mut Watch, due: Instant) -> Result<Answer, Failure> {
    let (mut pieces, mut first) = (String::new(), None);
    while let Some(message) = watch.next().await? {
        let now = due.elapsed();
        let data: Value = serde_json::from_str(&message.data).unwrap_or_default();
        let text = |pointer| data.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        match message.event.as_deref().unwrap_or_default() {
            "assistant.delta" => {
                first = first.or(Some(now));
                pieces.push_str(text("/delta"));
            }
            "assistant.restarted" => pieces.clear(),
            "assistant.final" if pieces != text("/message") => {
                return Err(Failure("the pieces do not add up to the answer".into()));
            }
            "assistant.final" => {
                let turn = text("/turn_id").to_owned();
                return Ok(Answer { turn, first: first.unwrap_or(now), last: now });
            }
            "turn.failed" => return Err(Failure(format!("failed: {}", text("/metadata/reason")))),
            _ => {}
        }
    }
    Err(Failure("the stream ended".into()))
}
