//! Group commit: what many flows commit within a moment goes into one transaction.
//!
//! One batch is in flight at a time, and never two commits of one session are in it. A committer that
//! is idle sends at once; only after a batch of several does it wait a moment for more, since then more
//! is on its way. A member that is refused harms no other; a batch that fails for the fault of one is
//! cut in two until that one stands alone.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use soma_core::ids::{SessionId, TenantId};
use soma_core::ports::error::Source;
use soma_core::ports::{PortError, PortResult, Spawner};
use soma_core::work::commit::{Commit, CommitOutcome};
use tokio::sync::{Notify, oneshot};
use tokio::time::timeout;
use uuid::Uuid;

use super::batch::{self, Failure, Unanswered};
use super::requests;
use crate::database::{Cause, Database, Query, Scope, SqlError};

/// The most commits in one transaction.
const MOST: usize = 128;
/// After a batch of so many, more is on its way.
const MANY: usize = 8;
/// How long is waited for it.
const LINGER: Duration = Duration::from_millis(1);
/// How often a batch is tried that others were in the way of.
const TRIES: usize = 4;

/// A commit, and whoever waits for its answer.
struct Member {
    commit: Commit,
    reply: oneshot::Sender<PortResult<CommitOutcome>>,
}

/// Puts commits into batches.
pub(super) struct Committer {
    database: Arc<Database>,
    spawner: Arc<dyn Spawner>,
    queue: Mutex<Queue>,
    /// A whole batch waits.
    full: Notify,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Member>,
    /// Whether a task is at it.
    busy: bool,
}

impl Committer {
    pub(super) fn new(database: Arc<Database>, spawner: Arc<dyn Spawner>) -> Self {
        Self { database, spawner, queue: Mutex::default(), full: Notify::new() }
    }

    /// Commits with others.
    pub(super) async fn commit(self: &Arc<Self>, commit: Commit) -> PortResult<CommitOutcome> {
        let (reply, answer) = oneshot::channel();
        let begins = {
            let mut queue = self.queue();
            queue.waiting.push_back(Member { commit, reply });
            if queue.waiting.len() >= MOST {
                self.full.notify_one();
            }
            !std::mem::replace(&mut queue.busy, true)
        };
        if begins {
            let task = Task { committer: Arc::clone(self), is_over: false };
            self.spawner.spawn(Box::pin(task.run()));
        }
        let gone = |error| Err(PortError::Ambiguous(Box::new(error)));
        answer.await.unwrap_or_else(gone)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next batch: the oldest that may go together. None if nothing waits; then nobody is at it.
    fn next(&self) -> Option<Vec<Member>> {
        let mut queue = self.queue();
        let (mut batch, mut later) = (Vec::new(), VecDeque::new());
        let (mut sessions, mut keys) = (BTreeSet::<SessionId>::new(), BTreeSet::new());
        while let Some(member) = queue.waiting.pop_front() {
            let is_first = batch.len() < MOST && {
                let first = sessions.insert(member.commit.session_id);
                first && key(&member.commit).is_none_or(|key| keys.insert(key))
            };
            if is_first { batch.push(member) } else { later.push_back(member) }
        }
        queue.waiting = later;
        queue.busy = !batch.is_empty();
        (!batch.is_empty()).then_some(batch)
    }

    /// Applies a batch and answers its members.
    async fn settle(&self, members: Vec<Member>) {
        let mut groups = vec![members];
        while let Some(mut group) = groups.pop() {
            match self.attempt(&group).await {
                Ok(outcomes) => {
                    for (member, outcome) in group.into_iter().zip(outcomes) {
                        // Whoever went away will ask again.
                        let _ = member.reply.send(Ok(outcome));
                    }
                }
                Err(error) if group.len() > 1 && is_of_one(&error) => {
                    let rest = group.split_off(group.len() / 2);
                    groups.extend([rest, group]);
                }
                Err(error) => {
                    let error = Shared::of(error.into());
                    for member in group {
                        let _ = member.reply.send(Err(error.port_error()));
                    }
                }
            }
        }
    }

    async fn attempt(&self, group: &[Member]) -> Result<Vec<CommitOutcome>, SqlError> {
        let commits: Vec<&Commit> = group.iter().map(|member| &member.commit).collect();
        let mut tries = 1;
        loop {
            let error = match batch::apply(&self.database, &commits).await {
                Ok(outcomes) => return Ok(outcomes),
                Err(Failure::Undone(error)) => error,
                Err(Failure::Unanswered(error, Unanswered { transaction, outcomes })) => {
                    match self.was_committed(&transaction, &commits).await {
                        Some(true) => return Ok(outcomes),
                        Some(false) => error,
                        None => return Err(error),
                    }
                }
            };
            if let [commit] = commits[..]
                && tries > 1
                && let Some(refused) = taken(&error, commit)
            {
                return Ok(vec![refused]);
            }
            let again = match &error {
                SqlError::Unknown(_) | SqlError::Failed(Cause::Conflict, _) => true,
                SqlError::Taken { .. } => commits.len() == 1,
                SqlError::Failed(..) | SqlError::Row(_) | SqlError::Ended => false,
            };
            if !again || tries >= TRIES {
                return Err(undone(error));
            }
            tries += 1;
        }
    }

    /// Whether a transaction that nobody answered was committed; none if it cannot be told. Once its
    /// sessions can be held it is over.
    async fn was_committed(&self, transaction: &str, commits: &[&Commit]) -> Option<bool> {
        let sessions: Vec<Uuid> =
            commits.iter().map(|commit| *commit.session_id.as_uuid()).collect();
        let status = "SELECT pg_xact_status($1::text::xid8)";
        for _ in 0..TRIES {
            let Ok(mut unit) = self.database.unit(Scope::platform()).await else { continue };
            let queries = [
                Query::new(super::sessions::LOCK, vec![&sessions]),
                Query::new(status, vec![&transaction]),
            ];
            let Ok([_, rows]) = unit.run(queries).await else { continue };
            unit.roll_back().await;
            match rows.first().and_then(|row| row.try_get::<_, Option<&str>>(0).ok().flatten()) {
                Some("committed") => return Some(true),
                Some("aborted") => return Some(false),
                Some(_) => {}
                None => return None,
            }
        }
        None
    }
}

/// What may be in a batch only once: two answers to one request are told apart by the row of the first.
fn key(commit: &Commit) -> Option<(TenantId, String)> {
    commit.request.as_ref().map(|request| (commit.tenant.clone(), request.key.clone()))
}

/// Whether the fault may be that of one member.
const fn is_of_one(error: &SqlError) -> bool {
    match error {
        SqlError::Failed(cause, _) => !cause.passes(),
        SqlError::Taken { .. } | SqlError::Row(_) => true,
        SqlError::Unknown(_) | SqlError::Ended => false,
    }
}

/// The answer to a commit whose key has a row that its tenant does not see: it is another's.
fn taken(error: &SqlError, commit: &Commit) -> Option<CommitOutcome> {
    let SqlError::Taken { constraint, .. } = error else { return None };
    match constraint.as_str() {
        "sessions_pkey" => Some(CommitOutcome::NoSession),
        "turns_pkey" if commit.accept.is_some() => Some(CommitOutcome::Conflict),
        _ => None,
    }
}

/// A transaction that is known to be undone is so, whatever its own answer was.
fn undone(error: SqlError) -> SqlError {
    if let SqlError::Unknown(source) = error {
        return SqlError::Failed(Cause::Lost, source);
    }
    error
}

/// One error for all who wait for the same.
struct Shared {
    error: PortError,
    source: Arc<dyn std::error::Error + Send + Sync>,
}

impl Shared {
    fn of(error: PortError) -> Self {
        let text: Source = error.to_string().into();
        Self { error, source: Arc::from(text) }
    }

    fn port_error(&self) -> PortError {
        let source: Source = Box::new(Arc::clone(&self.source));
        match &self.error {
            PortError::Unavailable(_) => PortError::Unavailable(source),
            PortError::Ambiguous(_) => PortError::Ambiguous(source),
            PortError::Broken { what, .. } => PortError::Broken { what, source },
        }
    }
}

/// A task that makes batches until nothing waits.
struct Task {
    committer: Arc<Committer>,
    /// Whether nothing waits for it any more.
    is_over: bool,
}

impl Task {
    async fn run(mut self) {
        let committer = Arc::clone(&self.committer);
        let mut remembered = 0;
        while let Some(batch) = committer.next() {
            let size = batch.len();
            remembered += batch.iter().filter(|member| member.commit.request.is_some()).count();
            committer.settle(batch).await;
            if remembered >= requests::FORGET_AFTER {
                remembered = 0;
                requests::forget(&committer.database).await;
            }
            if size >= MANY {
                // Over at once if a whole batch waits.
                let _ = timeout(LINGER, committer.full.notified()).await;
            }
        }
        self.is_over = true;
    }
}

impl Drop for Task {
    /// If the task was ended, nobody would come for those who wait.
    fn drop(&mut self) {
        if !self.is_over {
            let mut queue = self.committer.queue();
            queue.busy = false;
            queue.waiting.clear();
        }
    }
}
