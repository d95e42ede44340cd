//! The threads that read: each with a connection that cannot write.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use rusqlite::{Connection, TransactionBehavior};
use soma_core::ports::{PortError, PortResult};
use tokio::sync::{mpsc, oneshot};

use super::error::SqlError;
use super::open::OpenError;

/// How many read at a time. Reads are short: more threads would only wait for processors.
const THREADS: usize = 4;

/// How many jobs may wait. More wait in their callers.
const QUEUE: usize = 1_024;

type Job = Box<dyn FnOnce(&Connection) + Send>;

/// The queue of the readers.
#[derive(Debug)]
pub(super) struct Readers {
    queue: Option<mpsc::Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    pub(super) fn start(
        connect: impl Fn() -> Result<Connection, OpenError>,
    ) -> Result<Self, OpenError> {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let jobs = Arc::new(Mutex::new(jobs));
        let threads = (0..THREADS)
            .map(|number| {
                let (connection, jobs) = (connect()?, Arc::clone(&jobs));
                thread::Builder::new()
                    .name(format!("sqlite-reader-{number}"))
                    .spawn(move || serve(&connection, &jobs))
                    .map_err(OpenError::Threads)
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { queue: Some(queue), threads })
    }

    pub(super) async fn run<T, J>(&self, job: J) -> PortResult<T>
    where
        T: Send + 'static,
        J: FnOnce(&Connection) -> Result<T, SqlError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let read: Job = Box::new(move |connection| {
            let result = catch_unwind(AssertUnwindSafe(|| snapshot(connection, job)));
            // A caller that went away does not want to know.
            drop(reply.send(result.unwrap_or(Err(SqlError::Panicked))));
        });
        let gone = || PortError::Unavailable("the database is closed".into());
        let queue = self.queue.as_ref().ok_or_else(gone)?;
        queue.send(read).await.map_err(|_| gone())?;
        answer.await.map_err(|error| PortError::Unavailable(Box::new(error)))?.map_err(Into::into)
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.queue = None;
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a reader of the database died");
            }
        }
    }
}

fn serve(connection: &Connection, jobs: &Mutex<mpsc::Receiver<Job>>) {
    loop {
        // One reader waits for the next job, the others for the lock; it is free while a job runs.
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
        let Some(job) = job else { return };
        job(connection);
    }
}

/// Runs the job inside a transaction, so that all its statements see the same moment.
fn snapshot<T>(
    connection: &Connection,
    job: impl FnOnce(&Connection) -> Result<T, SqlError>,
) -> Result<T, SqlError> {
    let transaction =
        rusqlite::Transaction::new_unchecked(connection, TransactionBehavior::Deferred)?;
    let answer = job(&transaction)?;
    transaction.finish()?;
    Ok(answer)
}
