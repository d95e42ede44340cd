//! The thread that copies what was committed from the write-ahead log into the file, so that no
//! commit waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

use rusqlite::Connection;

/// How long what is committed waits before it is copied: a page that changes often is copied once for
/// many changes.
const PAUSE: Duration = Duration::from_millis(500);

/// The thread, with a connection of its own. The writer restarts the log, and copies what this thread
/// has not got round to: a log that is written to without a pause is never copied whole beside it.
#[derive(Debug)]
pub(super) struct Checkpoints {
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct State {
    /// Something was committed that may not have been copied.
    is_due: AtomicBool,
    is_over: AtomicBool,
}

/// Tells the thread that there is something to copy.
#[derive(Clone, Debug)]
pub(super) struct Due {
    state: Arc<State>,
    thread: Thread,
}

impl Due {
    /// Something was committed.
    pub(super) fn tell(&self) {
        if !self.state.is_due.swap(true, Ordering::AcqRel) {
            self.thread.unpark();
        }
    }
}

impl Checkpoints {
    pub(super) fn start(connection: Connection) -> std::io::Result<Self> {
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        let thread = thread::Builder::new()
            .name("sqlite-checkpoints".into())
            .spawn(move || shared.run(&connection))?;
        Ok(Self { state, thread: Some(thread) })
    }

    /// What tells it; none once it is over.
    pub(super) fn due(&self) -> Option<Due> {
        let thread = self.thread.as_ref()?.thread().clone();
        Some(Due { state: Arc::clone(&self.state), thread })
    }
}

impl Drop for Checkpoints {
    /// Waits until its connection is closed: the writer's is to be the last.
    fn drop(&mut self) {
        self.state.is_over.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            if thread.join().is_err() {
                tracing::error!("the thread for the database's checkpoints died");
            }
        }
    }
}

impl State {
    fn run(&self, connection: &Connection) {
        while self.waits_for_work() && self.rests() {
            self.is_due.store(false, Ordering::Release);
            // Left undone, by a full disk or a lock, it is done the next time, or by the writer, who
            // says what is wrong.
            let done = connection
                .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get::<_, i64>(0));
            if let Err(error) = done {
                tracing::debug!(error = &error as &dyn std::error::Error, "no checkpoint");
            }
        }
    }

    /// Comes back when something was committed; false if it is over.
    fn waits_for_work(&self) -> bool {
        while !self.is_over() && !self.is_due.load(Ordering::Acquire) {
            thread::park();
        }
        !self.is_over()
    }

    /// Comes back after the pause; false if it is over.
    fn rests(&self) -> bool {
        let until = Instant::now() + PAUSE;
        while !self.is_over()
            && let Some(rest) = until.checked_duration_since(Instant::now())
        {
            thread::park_timeout(rest);
        }
        !self.is_over()
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }
}
