//! The thread that copies what was committed from the write-ahead log into the file, so that no
//! commit waits for it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::Connection;

/// How long what is committed waits before it is copied: a page that changes often is copied once for
/// many changes.
const PAUSE: Duration = Duration::from_millis(500);

/// The thread, with a connection of its own. The writer restarts the log, and copies what this thread
/// has not got round to: a log that is written to without a pause is never copied whole beside it.
#[derive(Debug)]
pub(super) struct Checkpoints {
    due: Due,
    thread: Option<JoinHandle<()>>,
}

/// Tells the thread that there is something to copy.
#[derive(Clone, Debug, Default)]
pub(super) struct Due {
    shared: Arc<(Mutex<State>, Condvar)>,
}

#[derive(Debug, Default)]
struct State {
    /// Something was committed that may not have been copied.
    is_due: bool,
    is_over: bool,
}

impl Checkpoints {
    pub(super) fn start(connection: Connection) -> std::io::Result<Self> {
        let due = Due::default();
        let told = due.clone();
        let thread = thread::Builder::new()
            .name("sqlite-checkpoints".into())
            .spawn(move || told.run(&connection))?;
        Ok(Self { due, thread: Some(thread) })
    }

    /// What tells it.
    pub(super) fn due(&self) -> Due {
        self.due.clone()
    }
}

impl Drop for Checkpoints {
    /// Waits until its connection is closed: the writer's is to be the last.
    fn drop(&mut self) {
        self.due.state().is_over = true;
        self.due.changed().notify_all();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread for the database's checkpoints died");
        }
    }
}

impl Due {
    /// Something was committed.
    pub(super) fn tell(&self) {
        let mut state = self.state();
        if !state.is_due {
            state.is_due = true;
            self.changed().notify_all();
        }
    }

    fn run(&self, connection: &Connection) {
        while self.waits() {
            // Left undone, by a full disk or a lock, it is done the next time, or by the writer, who
            // says what is wrong.
            let done = connection
                .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get::<_, i64>(0));
            if let Err(error) = done {
                tracing::debug!(error = &error as &dyn std::error::Error, "no checkpoint");
            }
        }
    }

    /// Comes back a while after something was committed; false if it is over.
    fn waits(&self) -> bool {
        let is_idle = |state: &mut State| !state.is_due && !state.is_over;
        let waited = self.changed().wait_while(self.state(), is_idle);
        let state = waited.unwrap_or_else(PoisonError::into_inner);
        let rested = self.changed().wait_timeout_while(state, PAUSE, |state| !state.is_over);
        let (mut state, _) = rested.unwrap_or_else(PoisonError::into_inner);
        state.is_due = false;
        !state.is_over
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self) -> &Condvar {
        &self.shared.1
    }
}
