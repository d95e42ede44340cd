-- Who works on what: sessions with work, those who work, leases of partitions and lanes, members.

-- One row for each session and kind of work. Rows stay, so that epochs never go back.
CREATE TABLE work_claims (
    kind            text        NOT NULL CHECK (kind IN ('turns', 'calls')),
    tenant          text        NOT NULL,
    session_id      uuid        NOT NULL,
    -- The id of the oldest turn or call that can be worked on; none if there is nothing to do.
    oldest          bigint,
    -- That turn.
    turn_id         uuid,
    -- Not to be claimed before this.
    ready_at        timestamptz NOT NULL DEFAULT '-infinity',
    owner           uuid,
    epoch           bigint      NOT NULL DEFAULT 0,
    -- With how many suspects at most, itself included, it may be held: 4294967295 if it is not a
    -- suspect, 1 if it is isolated.
    max_suspects    bigint      NOT NULL DEFAULT 4294967295,
    -- How often it failed, or killed its worker while isolated, since it last made progress.
    tries           integer     NOT NULL DEFAULT 0,
    -- How many owners had died with no isolated work when it was judged last.
    deaths          bigint      NOT NULL DEFAULT 0,
    PRIMARY KEY (session_id, kind)
) WITH (fillfactor = 50);

CREATE INDEX work_claims_waiting ON work_claims (kind, tenant, oldest)
    WHERE oldest IS NOT NULL AND owner IS NULL;
CREATE INDEX work_claims_held ON work_claims (kind, owner, tenant) WHERE owner IS NOT NULL;
CREATE INDEX work_claims_suspects ON work_claims (kind, max_suspects) WHERE max_suspects < 4294967295;

-- Owners that were heard of, until they are found dead.
CREATE TABLE work_owners (
    kind            text        NOT NULL CHECK (kind IN ('turns', 'calls')),
    owner           uuid        NOT NULL,
    -- It counts as alive until then.
    until           timestamptz NOT NULL,
    PRIMARY KEY (kind, owner)
) WITH (fillfactor = 10);

-- Whoever claims holds the row of the kind.
CREATE TABLE work_blame (
    kind            text        PRIMARY KEY CHECK (kind IN ('turns', 'calls')),
    -- How many owners died with no isolated work.
    deaths          bigint      NOT NULL DEFAULT 0,
    -- No work is isolated before this.
    resumes_at      timestamptz NOT NULL DEFAULT '-infinity'
) WITH (fillfactor = 10);

INSERT INTO work_blame (kind) VALUES ('turns'), ('calls');

-- The lease is the position.
CREATE TABLE leases (
    resource        text        PRIMARY KEY,
    owner           uuid,
    epoch           bigint      NOT NULL,
    until           timestamptz NOT NULL,
    next_offset     bigint      NOT NULL DEFAULT 0,
    -- SHA-256 of the record before `next_offset`; none if it is not known.
    last_record     bytea
) WITH (fillfactor = 10);

CREATE TABLE members (
    member_group    text        NOT NULL,
    member          uuid        NOT NULL,
    until           timestamptz NOT NULL,
    PRIMARY KEY (member_group, member)
) WITH (fillfactor = 10);
