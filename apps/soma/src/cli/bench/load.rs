//! Many clients at once: as many turns in a second as are asked for, or as many as there can be.
#![expect(clippy::disallowed_methods, reason = "it measures real time")]

use std::time::{Duration, Instant};

use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use super::figures::Tally;
use super::talk::Talk;
use crate::client::Client;
use crate::trouble::Trouble;

/// How many sessions are opened at once.
const OPENED_AT_ONCE: usize = 16;

/// What a platform is put under.
#[derive(Clone, Debug)]
pub(super) struct Load {
    pub(super) pace: Pace,
    pub(super) sessions: u32,
    pub(super) span: Duration,
    pub(super) message: String,
}

/// When a turn is due.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pace {
    /// So many in a second, at fixed times, whatever became of those before. The clients take turns.
    Open(u32),
    /// As soon as the client has its last answer.
    Closed,
}

impl Load {
    /// When the `count`-th turn of a client is due.
    fn due(&self, began: Instant, client: u32, count: u32) -> Instant {
        match self.pace {
            Pace::Open(rate) => {
                let place = u64::from(count) * u64::from(self.sessions) + u64::from(client);
                let seconds = place / u64::from(rate);
                let rest = (place % u64::from(rate)) * 1_000_000_000 / u64::from(rate);
                began + Duration::from_secs(seconds) + Duration::from_nanos(rest)
            }
            Pace::Closed => Instant::now(),
        }
    }
}

/// Opens the sessions and their streams. The first turn of each is not measured.
pub(super) async fn begin(client: &Client, load: &Load) -> Result<Vec<Talk>, Trouble> {
    stream::iter(0..load.sessions)
        .map(|_| Talk::begin(client.another(), &load.message))
        .buffer_unordered(OPENED_AT_ONCE)
        .try_collect()
        .await
}

/// Lets the clients talk. Returns how their turns went, and how long it took until the last of them ended.
pub(super) async fn run(talks: Vec<Talk>, load: &Load) -> (Tally, Duration) {
    let began = Instant::now();
    let mut clients = JoinSet::new();
    for (client, talk) in (0..).zip(talks) {
        clients.spawn(go_on(talk, load.clone(), client, began));
    }
    let mut all = Tally::default();
    while let Some(ended) = clients.join_next().await {
        match ended {
            Ok(tally) => all.join(tally),
            Err(error) => all.fail(error.to_string()),
        }
    }
    (all, began.elapsed())
}

/// One client, until the time is over.
async fn go_on(mut talk: Talk, load: Load, client: u32, began: Instant) -> Tally {
    let mut tally = Tally::default();
    for count in 0.. {
        let due = load.due(began, client, count);
        if due >= began + load.span {
            break;
        }
        sleep_until(due.into()).await;
        match talk.turn(&load.message, due).await {
            Ok(timing) => tally.answered(timing),
            Err(failure) => {
                tally.fail(failure.0);
                talk.renew(&load.message).await;
            }
        }
    }
    tally
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_of_an_open_loop_take_turns() {
        let (began, span) = (Instant::now(), Duration::from_secs(1));
        let load = Load { pace: Pace::Open(4), sessions: 3, span, message: String::new() };

        let due = |client, count| load.due(began, client, count).duration_since(began).as_millis();

        assert_eq!([due(0, 0), due(1, 0), due(2, 0), due(0, 1)], [0, 250, 500, 750]);
        assert_eq!(due(1, 1), 1000);
    }
}
