//! The only thread that writes: many jobs, one transaction, one sync of the disk.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use soma_core::ports::{PortError, PortResult};
use tokio::sync::{mpsc, oneshot};

use super::cause::Cause;
use super::checkpoints::Due;
use super::condition::Condition;
use super::error::{SqlError, Undone};

/// How many jobs may wait. More wait in their callers.
const QUEUE: usize = 1_024;

/// How many jobs share a transaction at most.
const BATCH: usize = 256;

/// What must survive a loss of power once a write is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    /// The write.
    Full,
    /// A crash of the process only. The write-ahead log is one sequence: the next full commit makes
    /// every relaxed one before it durable too, and no later write outlives an earlier one.
    Relaxed,
}

/// The queue of the writer thread.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Option<mpsc::Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
    condition: Arc<Condition>,
}

impl Writer {
    pub(super) fn start(connection: Connection, due: Due) -> std::io::Result<Self> {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let condition = Arc::new(Condition::default());
        let synchronous = Durability::Full;
        let work = Work { connection, synchronous, condition: Arc::clone(&condition), due };
        let thread =
            thread::Builder::new().name("sqlite-writer".into()).spawn(move || work.run(jobs))?;
        Ok(Self { queue: Some(queue), thread: Some(thread), condition })
    }

    /// What keeps the file from being written to.
    pub(super) fn fault(&self) -> Option<&'static str> {
        self.condition.fault()
    }

    pub(super) async fn run<T, J>(&self, durability: Durability, job: J) -> PortResult<T>
    where
        T: Send + 'static,
        J: FnOnce(&Connection) -> Result<T, SqlError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let write: Box<dyn Job> = Box::new(Write { durability, state: State::Queued(job), reply });
        let gone = || PortError::Unavailable("the database is closed".into());
        let queue = self.queue.as_ref().ok_or_else(gone)?;
        queue.send(write).await.map_err(|_| gone())?;
        // Only a writer that died at work loses an answer.
        answer.await.map_err(|error| PortError::Ambiguous(Box::new(error)))?
    }
}

impl Drop for Writer {
    /// Waits until the queue is empty and the file closed, so that it can be opened again at once.
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the writer of the database died");
        }
    }
}

/// A write whose types are erased.
trait Job: Send {
    fn durability(&self) -> Durability;

    /// Does the work. An error says that it is to be undone, and what went wrong.
    fn run(&mut self, connection: &Connection) -> Result<(), Cause>;

    /// Tells the caller, now that the transaction has ended.
    fn answer(self: Box<Self>, transaction: Result<(), &Undone>);
}

struct Write<T, J> {
    durability: Durability,
    state: State<T, J>,
    reply: oneshot::Sender<PortResult<T>>,
}

enum State<T, J> {
    Queued(J),
    Running,
    Ran(Result<T, SqlError>),
}

impl<T, J> Job for Write<T, J>
where
    T: Send,
    J: FnOnce(&Connection) -> Result<T, SqlError> + Send,
{
    fn durability(&self) -> Durability {
        self.durability
    }

    fn run(&mut self, connection: &Connection) -> Result<(), Cause> {
        let State::Queued(job) = std::mem::replace(&mut self.state, State::Running) else {
            return Err(Cause::Statement);
        };
        let result = catch_unwind(AssertUnwindSafe(|| job(connection)));
        let result = result.unwrap_or(Err(SqlError::Panicked));
        let ran = result.as_ref().map(|_| ()).map_err(SqlError::cause);
        self.state = State::Ran(result);
        ran
    }

    fn answer(self: Box<Self>, transaction: Result<(), &Undone>) {
        let answer = match (self.state, transaction) {
            (State::Ran(Err(error)), _) => Err(error.into()),
            (_, Err(undone)) => Err(undone.port_error()),
            (State::Ran(Ok(value)), Ok(())) => Ok(value),
            (State::Queued(_) | State::Running, Ok(())) => Err(SqlError::Panicked.into()),
        };
        // A caller that went away does not want to know.
        drop(self.reply.send(answer));
    }
}

/// What the thread works with.
struct Work {
    connection: Connection,
    synchronous: Durability,
    condition: Arc<Condition>,
    due: Due,
}

impl Work {
    fn run(mut self, mut queue: mpsc::Receiver<Box<dyn Job>>) {
        let mut batch = Vec::with_capacity(BATCH);
        while queue.blocking_recv_many(&mut batch, BATCH) > 0 {
            let mut jobs = batch.drain(..);
            while jobs.len() > 0 {
                self.transaction(&mut jobs);
            }
        }
    }

    /// Runs jobs until there are no more, or SQLite gives the transaction up.
    fn transaction(&mut self, jobs: &mut std::vec::Drain<'_, Box<dyn Job>>) {
        let full = jobs.as_slice().iter().any(|job| job.durability() == Durability::Full);
        let durability = if full { Durability::Full } else { Durability::Relaxed };
        if let Err(error) = self.begin(durability) {
            let undone = Undone::rolled_back(error);
            self.condition.note(Some(undone.cause()));
            jobs.for_each(|job| job.answer(Err(&undone)));
            return;
        }
        let alone = jobs.len() == 1;
        let mut done = Vec::with_capacity(jobs.len());
        let mut end = Ok(());
        let mut failed = None;
        for mut job in jobs.by_ref() {
            let ran = if alone {
                failed = job.run(&self.connection).err();
                Ok(())
            } else {
                self.savepoint(job.as_mut(), &mut failed)
            };
            done.push(job);
            if let Err(undone) = ran {
                end = Err(undone);
                break;
            }
        }
        // A job that was alone and failed leaves nothing to commit: it is rolled back below.
        let nothing = failed.filter(|_| alone);
        let end = if nothing.is_some() { end } else { end.and_then(|()| self.commit()) };
        let stopped = failed.filter(|cause| cause.stops_writes());
        let uncommitted = end.as_ref().err().map(Undone::cause);
        self.condition.note(stopped.or(uncommitted).or(nothing));
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::error!(error = &error as &dyn std::error::Error, "rollback failed");
        }
        for job in done {
            job.answer(end.as_ref().copied());
        }
    }

    fn begin(&mut self, durability: Durability) -> rusqlite::Result<()> {
        if self.synchronous != durability {
            let synchronous = match durability {
                Durability::Full => "FULL",
                Durability::Relaxed => "NORMAL",
            };
            self.connection.pragma_update(None, "synchronous", synchronous)?;
            self.synchronous = durability;
        }
        self.statement("BEGIN IMMEDIATE")
    }

    /// Runs one job so that it can be undone alone; what stopped it is noted in `failed`. An error
    /// means that the whole transaction is lost: some failures, a full disk among them, make SQLite
    /// roll all of it back.
    fn savepoint(&self, job: &mut dyn Job, failed: &mut Option<Cause>) -> Result<(), Undone> {
        self.statement("SAVEPOINT job").map_err(Undone::rolled_back)?;
        if let Err(cause) = job.run(&self.connection) {
            *failed = failed.filter(|cause| cause.stops_writes()).or(Some(cause));
            self.statement("ROLLBACK TO job").map_err(Undone::lost)?;
        }
        self.statement("RELEASE job").map_err(Undone::rolled_back)
    }

    fn commit(&self) -> Result<(), Undone> {
        self.statement("COMMIT").map_err(Undone::commit)?;
        self.due.tell();
        Ok(())
    }

    fn statement(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([]).map(|_| ())
    }
}
