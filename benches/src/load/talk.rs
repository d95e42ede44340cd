//! A client in one conversation: it posts, and watches the stream that it keeps open.
#![expect(clippy::disallowed_methods, reason = "it measures real time")]

use std::time::{Duration, Instant};

use super::client::{Client, Watch};
use super::error::LoadError;

/// A conversation that has begun, with an open stream.
#[derive(Debug)]
pub(super) struct Talk {
    client: Client,
    session: String,
    watch: Watch,
}

/// How long the parts of a turn took, each from the moment it was due.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timing {
    /// Until the POST was answered.
    pub(super) accepted: Duration,
    /// Until the first piece of the answer.
    pub(super) first: Duration,
    /// Until the answer was complete.
    pub(super) last: Duration,
}

impl Talk {
    /// Begins a conversation, and waits for the first answer.
    pub(super) async fn begin(client: Client) -> Result<Self, LoadError> {
        let session = client.say(None, "hello").await?;
        let mut watch = client.follow(&session).await?;
        watch.end_of_answer().await?;
        Ok(Self { client, session, watch })
    }

    /// Says something that was due at `due`, and watches the answer.
    pub(super) async fn turn(&mut self, message: &str, due: Instant) -> Result<Timing, LoadError> {
        let accept = async {
            self.client.say(Some(&self.session), message).await?;
            Ok(due.elapsed())
        };
        let answer = answer(&mut self.watch, due);
        let (accepted, (first, last)) = futures_util::try_join!(accept, answer)?;
        Ok(Timing { accepted, first, last })
    }

    /// As [`turn`](Self::turn), over and over until `end`.
    pub(super) async fn go_on_until(
        &mut self,
        end: Instant,
        message: &str,
    ) -> Result<Vec<Timing>, LoadError> {
        let mut timings = Vec::new();
        while Instant::now() < end {
            timings.push(self.turn(message, Instant::now()).await?);
        }
        Ok(timings)
    }
}

/// When the first piece of an answer came, and when the answer was complete. An answer may be
/// complete before any piece of it was seen.
async fn answer(watch: &mut Watch, due: Instant) -> Result<(Duration, Duration), LoadError> {
    let mut first = None;
    loop {
        let (kind, data) = watch.next().await?;
        let now = due.elapsed();
        match kind.as_str() {
            "assistant.delta" => first = first.or(Some(now)),
            "assistant.final" => return Ok((first.unwrap_or(now), now)),
            "turn.failed" => return Err(LoadError::TurnFailed(data)),
            _ => {}
        }
    }
}
