//! A batch of commits of different sessions, applied in one transaction and two round trips: what is to
//! be known, and what is to be written.

use soma_core::conversation::event::Event;
use soma_core::policy::Decision;
use soma_core::work::commit::{Commit, CommitOutcome};
use uuid::Uuid;

use super::admission::{self, Admitted};
use super::facts::{self, Facts};
use super::{calls, events, sessions, turns};
use crate::columns::{At, json};
use crate::database::{Database, Query, Scope, SqlError};
use crate::memory_queue::enqueue::NewWrites;
use crate::outbox::dead::NewLetters;
use crate::outbox::enqueue::NewRows;
use crate::usage::NewUsage;
use crate::work::ready;

/// How a batch stands that nobody answered.
#[derive(Debug)]
pub(super) struct Unanswered {
    /// The transaction that it may have been committed by.
    pub(super) transaction: String,
    /// The answers, if it was.
    pub(super) outcomes: Vec<CommitOutcome>,
}

/// Why a batch is not known to be applied.
#[derive(Debug)]
pub(super) enum Failure {
    /// It was not.
    Undone(SqlError),
    /// It may have been.
    Unanswered(SqlError, Unanswered),
}

impl From<SqlError> for Failure {
    fn from(error: SqlError) -> Self {
        Self::Undone(error)
    }
}

/// Applies each commit that is admitted, and answers all of them in their order.
pub(super) async fn apply(
    database: &Database,
    commits: &[&Commit],
) -> Result<Vec<CommitOutcome>, Failure> {
    let scope = Scope::tenants(commits.iter().map(|commit| &commit.tenant));
    let mut unit = database.unit(scope).await?;
    let mut facts = facts::gather(&mut unit, commits).await?;
    let mut writes = Writes::default();
    let mut outcomes = Vec::with_capacity(commits.len());
    for commit in commits {
        outcomes.push(match admission::admit(&facts, commit) {
            Ok(admitted) => CommitOutcome::Committed(writes.add(&mut facts, commit, admitted)?),
            Err(refused) => refused,
        });
    }
    if writes.is_empty() {
        unit.roll_back().await;
        return Ok(outcomes);
    }
    let usage = NewUsage::of(&facts.usage);
    let memories = writes.memories.columns()?;
    let queries = writes.queries().chain(usage.write());
    let queries = queries.chain(memories.as_ref().map(|columns| columns.insert()));
    // Letters last: an erasure, too, takes its lock after the sums of usage.
    let queries = queries.chain(writes.letters.insert());
    match unit.commit(queries.collect::<Vec<_>>()).await {
        Ok(_) => Ok(outcomes),
        Err(error @ SqlError::Unknown(_)) => {
            let Facts { transaction, .. } = facts;
            Err(Failure::Unanswered(error, Unanswered { transaction, outcomes }))
        }
        Err(error) => Err(Failure::Undone(error)),
    }
}

/// What a batch writes, column by column.
#[derive(Debug, Default)]
struct Writes<'a> {
    new_sessions: sessions::Columns,
    sessions: sessions::Columns,
    turns: turns::Columns,
    calls: calls::Columns,
    events: events::Columns,
    decisions: Decisions,
    requests: Requests,
    ready: ready::Moves,
    outbox: NewRows,
    letters: NewLetters,
    memories: NewWrites<'a>,
    any: bool,
}

impl<'a> Writes<'a> {
    const fn is_empty(&self) -> bool {
        !self.any
    }

    /// Adds a commit that is admitted, and returns its events.
    fn add(
        &mut self,
        facts: &mut Facts,
        commit: &'a Commit,
        admitted: Admitted,
    ) -> Result<Vec<Event>, SqlError> {
        let Admitted { mut session, is_new, turn } = admitted;
        self.any = true;
        session.turns_accepted += u64::from(commit.accept.is_some());
        session.turns_done += u64::from(
            commit
                .turn
                .as_ref()
                .is_some_and(|turn| turn.state == soma_core::work::session::TurnState::Done),
        );
        self.turns.push(commit, session.turns_accepted)?;
        self.calls.push(commit)?;
        commit.usage.iter().for_each(|change| facts.usage.apply(change));
        let trace = commit.trace.as_ref();
        commit.memory.iter().for_each(|write| self.memories.put(write, trace));
        self.decisions.push(commit)?;
        self.requests.push(commit)?;
        let changed = commit.turn.as_ref().is_some_and(|progress| Some(progress.state) != turn);
        self.ready.follow(commit, changed);

        let mut recorded = Vec::with_capacity(commit.events.len());
        for event in &commit.events {
            let event = session.chain.append(session.session_id, event.clone());
            self.events.push(&session.tenant, &event)?;
            session.updated_at = session.updated_at.max(commit.at);
            recorded.push(event);
        }
        self.outbox.refer(&session.tenant, &recorded, trace, commit.at);
        for message in &commit.outbox {
            self.outbox.enqueue(&message.clone().completed(&recorded, trace), commit.at);
        }
        commit.dead.iter().for_each(|letter| self.letters.keep(letter, &session.tenant));
        let of = if is_new { &mut self.new_sessions } else { &mut self.sessions };
        of.push(&session);
        Ok(recorded)
    }

    /// What writes all of it but usage, memories and letters.
    fn queries(&self) -> impl Iterator<Item = Query<'_>> {
        let sessions = [self.new_sessions.insert(), self.sessions.update()].into_iter().flatten();
        let rest = [
            self.events.insert(),
            self.decisions.insert(),
            self.requests.insert(),
            self.outbox.insert(),
        ];
        sessions
            .chain(self.turns.write())
            .chain(self.calls.write())
            .chain(self.ready.write())
            .chain(rest.into_iter().flatten())
    }
}

/// Decisions of the policy engine, column by column.
#[derive(Debug, Default)]
struct Decisions {
    tenants: Vec<String>,
    sessions: Vec<Uuid>,
    actions: Vec<&'static str>,
    resources: Vec<String>,
    allowed: Vec<bool>,
    reasons: Vec<Vec<u8>>,
    inputs: Vec<Vec<u8>>,
    bundles: Vec<Option<Vec<u8>>>,
    times: Vec<At>,
}

impl Decisions {
    fn push(&mut self, commit: &Commit) -> Result<(), SqlError> {
        for Decision { action, resource, allow, reasons, input, bundle } in &commit.decisions {
            self.tenants.push(commit.tenant.to_string());
            self.sessions.push(*commit.session_id.as_uuid());
            self.actions.push(action.as_str());
            self.resources.push(resource.clone());
            self.allowed.push(*allow);
            self.reasons.push(json(reasons)?);
            self.inputs.push(input.0.to_vec());
            self.bundles.push(bundle.map(|bundle| bundle.0.to_vec()));
            self.times.push(At(commit.at));
        }
        Ok(())
    }

    fn insert(&self) -> Option<Query<'_>> {
        let sql = "
            INSERT INTO policy_decisions
                (tenant, session_id, action, resource, allow, reasons, input, bundle, at)
            SELECT * FROM unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::bool[], $6::bytea[],
                                 $7::bytea[], $8::bytea[], $9::timestamptz[])";
        let query = || {
            Query::new(
                sql,
                vec![
                    &self.tenants,
                    &self.sessions,
                    &self.actions,
                    &self.resources,
                    &self.allowed,
                    &self.reasons,
                    &self.inputs,
                    &self.bundles,
                    &self.times,
                ],
            )
        };
        (!self.sessions.is_empty()).then(query)
    }
}

/// Requests of clients with an idempotency key, column by column.
#[derive(Debug, Default)]
struct Requests {
    tenants: Vec<String>,
    keys: Vec<String>,
    digests: Vec<Vec<u8>>,
    answers: Vec<Vec<u8>>,
    times: Vec<At>,
}

impl Requests {
    fn push(&mut self, commit: &Commit) -> Result<(), SqlError> {
        let Some(request) = &commit.request else { return Ok(()) };
        self.tenants.push(commit.tenant.to_string());
        self.keys.push(request.key.clone());
        self.digests.push(request.digest.0.to_vec());
        self.answers.push(json(&request.answer)?);
        self.times.push(At(commit.at));
        Ok(())
    }

    fn insert(&self) -> Option<Query<'_>> {
        let sql = "
            INSERT INTO client_requests (tenant, key, digest, answer, at)
            SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bytea[], $5::timestamptz[])";
        let Self { tenants, keys, digests, answers, times } = self;
        (!keys.is_empty()).then(|| Query::new(sql, vec![tenants, keys, digests, answers, times]))
    }
}
