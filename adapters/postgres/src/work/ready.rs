//! What a session has to do: its row in `work_claims` follows its turns and calls. Whoever has it
//! follow holds the row of the session.

use soma_core::tool::CallChange;
use soma_core::work::commit::{Commit, WorkKind};
use uuid::Uuid;

use crate::database::Query;

/// How the rows of sessions ($1) of tenants ($2) follow their turns: the first unfinished turn, if it
/// may be worked on: it has arrived, and if it waits for tools, each has delivered or a person cancelled
/// it.
const FOLLOW_TURNS: &str = "
    WITH due AS MATERIALIZED (
        SELECT u.session_id, u.tenant, f.id, f.turn_id
          FROM unnest($1::uuid[], $2::text[]) AS u (session_id, tenant)
          LEFT JOIN LATERAL (
               SELECT t.id, t.turn_id, t.state, t.cancel_requested FROM turns t
                WHERE t.tenant = u.tenant AND t.session_id = u.session_id AND t.state <> 'done'
                ORDER BY t.number LIMIT 1) f
            ON f.state = 'ready' OR (f.state = 'waiting' AND (f.cancel_requested OR NOT EXISTS (
               SELECT FROM tool_calls c WHERE c.turn_id = f.turn_id AND c.state <> 'delivered'))))
    INSERT INTO work_claims AS w (kind, tenant, session_id, oldest, turn_id)
    SELECT 'turns', tenant, session_id, id, turn_id FROM due
     WHERE id IS NOT NULL
        OR EXISTS (SELECT FROM work_claims x WHERE x.session_id = due.session_id AND x.kind = 'turns')
    ON CONFLICT (session_id, kind) DO UPDATE SET oldest = excluded.oldest, turn_id = excluded.turn_id
     WHERE w.oldest IS DISTINCT FROM excluded.oldest";

/// How the rows of sessions ($1) of tenants ($2) follow their calls: the first that was asked for, has
/// arrived, and has no outcome.
const FOLLOW_CALLS: &str = "
    WITH due AS MATERIALIZED (
        SELECT u.session_id, u.tenant,
               (SELECT c.id FROM tool_calls c
                 WHERE c.tenant = u.tenant AND c.session_id = u.session_id AND c.outcome IS NULL
                   AND c.state <> 'requested' ORDER BY c.id LIMIT 1) AS id
          FROM unnest($1::uuid[], $2::text[]) AS u (session_id, tenant))
    INSERT INTO work_claims AS w (kind, tenant, session_id, oldest)
    SELECT 'calls', tenant, session_id, id FROM due
     WHERE id IS NOT NULL
        OR EXISTS (SELECT FROM work_claims x WHERE x.session_id = due.session_id AND x.kind = 'calls')
    ON CONFLICT (session_id, kind) DO UPDATE SET oldest = excluded.oldest
     WHERE w.oldest IS DISTINCT FROM excluded.oldest";

/// Sessions of tenants, column by column.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    ids: Vec<Uuid>,
    tenants: Vec<String>,
}

impl Sessions {
    pub(super) fn push(&mut self, session: Uuid, tenant: &str) {
        self.ids.push(session);
        self.tenants.push(tenant.to_owned());
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    pub(super) const fn ids(&self) -> &Vec<Uuid> {
        &self.ids
    }

    /// What brings their rows up to date after their turns or calls changed.
    pub(super) fn follow(&self, kind: WorkKind) -> Query<'_> {
        let sql = match kind {
            WorkKind::Turns => FOLLOW_TURNS,
            WorkKind::Calls => FOLLOW_CALLS,
        };
        Query::new(sql, vec![&self.ids, &self.tenants])
    }
}

/// How rows follow the commits of a batch.
#[derive(Debug, Default)]
pub(crate) struct Moves {
    turns: Sessions,
    calls: Sessions,
    acquitted: Acquitted,
}

/// Sessions of whose work nothing is held against it any more; the claims of some are released.
#[derive(Debug, Default)]
struct Acquitted {
    sessions: Vec<Uuid>,
    kinds: Vec<&'static str>,
    released: Vec<bool>,
}

impl Moves {
    /// Has the rows of a session follow a commit; `changed` tells whether it changed where a turn is.
    pub(crate) fn follow(&mut self, commit: &Commit, changed: bool) {
        let asked =
            |change: &CallChange| matches!(change, CallChange::Request { turn_id: Some(_), .. });
        let session = *commit.session_id.as_uuid();
        if changed || commit.cancel.is_some() || commit.calls.iter().any(asked) {
            self.turns.push(session, commit.tenant.as_str());
        }
        if !commit.calls.is_empty() {
            self.calls.push(session, commit.tenant.as_str());
        }
        for &kind in WorkKind::ALL {
            if commit.is_proof(kind) {
                self.acquitted.sessions.push(session);
                self.acquitted.kinds.push(kind.as_str());
                self.acquitted.released.push(commit.releases(kind));
            }
        }
    }

    /// What writes it, after turns and calls were.
    pub(crate) fn write(&self) -> impl Iterator<Item = Query<'_>> {
        let turns = (!self.turns.is_empty()).then(|| self.turns.follow(WorkKind::Turns));
        let calls = (!self.calls.is_empty()).then(|| self.calls.follow(WorkKind::Calls));
        [turns, calls, self.acquit()].into_iter().flatten()
    }

    fn acquit(&self) -> Option<Query<'_>> {
        let sql = "
            UPDATE work_claims w
               SET owner = CASE WHEN u.released THEN NULL ELSE w.owner END,
                   max_suspects = 4294967295, tries = 0, deaths = 0
              FROM unnest($1::uuid[], $2::text[], $3::bool[]) AS u (session_id, kind, released)
             WHERE w.session_id = u.session_id AND w.kind = u.kind
               AND (u.released OR w.max_suspects < 4294967295 OR w.tries > 0)";
        let Acquitted { sessions, kinds, released } = &self.acquitted;
        (!sessions.is_empty()).then(|| Query::new(sql, vec![sessions, kinds, released]))
    }
}
