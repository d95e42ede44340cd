//! What the stub was asked, and what came of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use soma_core::conversation::model::Usage;
use tokio::sync::watch;

use super::asked::Asked;

/// One request and what came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The request.
    pub asked: Asked,
    /// When it came, since the stub was started.
    pub at: Duration,
    /// The text that was sent so far.
    pub sent: String,
    /// What the stub said that the answer used; none until it said so.
    pub usage: Option<Usage>,
    /// How it ended; none while it is under way.
    pub ending: Option<Ending>,
}

impl Entry {
    /// Notes an answer that is one object.
    pub(super) fn take_whole(&mut self, body: &Value) {
        let text = body.pointer("/choices/0/message/content").and_then(Value::as_str);
        self.sent.push_str(text.unwrap_or_default());
        let count = |field| body["usage"][field].as_u64();
        let counts = count("prompt_tokens").zip(count("completion_tokens"));
        self.usage = counts.map(|(prompt_tokens, completion_tokens)| Usage {
            prompt_tokens,
            completion_tokens,
            estimated: false,
        });
    }
}

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Everything was sent.
    Completed,
    /// It was refused with this status.
    Refused(u16),
    /// The stub broke it off.
    Cut,
    /// The client hung up.
    HungUp,
}

/// The log, shared by the stub's connections and its owner.
#[derive(Clone)]
pub(super) struct Log {
    entries: Arc<watch::Sender<Vec<Entry>>>,
    start: Instant,
}

impl Log {
    #[expect(clippy::disallowed_methods, reason = "the stub lives in a time of its own")]
    pub(super) fn new() -> Self {
        Self { entries: Arc::default(), start: Instant::now() }
    }

    /// Notes a request. Returns it, and where it stands.
    pub(super) fn begin(&self, body: Value, key: Option<String>) -> (usize, Asked) {
        let at = self.start.elapsed();
        let mut asked = Asked { body, key, attempt: 1 };
        let mut place = 0;
        self.entries.send_modify(|entries| {
            place = entries.len();
            asked.attempt +=
                entries.iter().filter(|entry| entry.asked.is_like(&asked.body)).count();
            let asked = asked.clone();
            entries.push(Entry { asked, at, sent: String::new(), usage: None, ending: None });
        });
        (place, asked)
    }

    /// Changes what stands at a place.
    pub(super) fn note(&self, place: usize, change: impl FnOnce(&mut Entry)) {
        self.entries.send_modify(|entries| {
            if let Some(entry) = entries.get_mut(place) {
                change(entry);
            }
        });
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        self.entries.borrow().clone()
    }

    pub(super) fn under_way(&self) -> usize {
        self.entries.borrow().iter().filter(|entry| entry.ending.is_none()).count()
    }

    pub(super) async fn until(&self, wanted: impl Fn(&[Entry]) -> bool) -> Vec<Entry> {
        let mut changes = self.entries.subscribe();
        match changes.wait_for(|entries| wanted(entries)).await {
            Ok(entries) => entries.clone(),
            // The sender is in `self`, so it is not gone.
            Err(_) => Vec::new(),
        }
    }
}
