-- Who works on what: sessions with work, leases of partitions and lanes, members of groups.

-- One row for each session and kind of work. Rows stay, so that epochs never go back.
CREATE TABLE work_claims (
    id              INTEGER PRIMARY KEY,
    kind            TEXT    NOT NULL CHECK (kind IN ('turns', 'calls')),
    tenant          TEXT    NOT NULL,
    session_id      BLOB    NOT NULL,
    -- The row of the oldest turn or call that can be worked on; none if there is nothing to do.
    oldest          INTEGER,
    -- Not to be claimed before this.
    ready_at        INTEGER NOT NULL DEFAULT 0,
    owner           BLOB,
    epoch           INTEGER NOT NULL DEFAULT 0,
    until           INTEGER NOT NULL DEFAULT 0,
    UNIQUE (session_id, kind)
) STRICT;

CREATE INDEX work_claims_waiting ON work_claims (kind, tenant, oldest) WHERE oldest IS NOT NULL;
CREATE INDEX work_claims_held ON work_claims (kind, until, tenant) WHERE owner IS NOT NULL;

CREATE TABLE leases (
    id              INTEGER PRIMARY KEY,
    resource        TEXT    NOT NULL UNIQUE,
    owner           BLOB,
    epoch           INTEGER NOT NULL,
    until           INTEGER NOT NULL,
    next_offset     INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE members (
    id              INTEGER PRIMARY KEY,
    member_group    TEXT    NOT NULL,
    member          BLOB    NOT NULL,
    until           INTEGER NOT NULL,
    UNIQUE (member_group, member)
) STRICT;
