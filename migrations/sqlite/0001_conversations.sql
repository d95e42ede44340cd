-- Sessions, what happened in them, and the turns that made it.
--
-- Ids are UUIDs as 16 bytes, times are microseconds since 1970, payloads are JSON as text.

CREATE TABLE sessions (
    id              INTEGER PRIMARY KEY,
    session_id      BLOB    NOT NULL UNIQUE,
    tenant          TEXT    NOT NULL,
    persona_id      TEXT,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    event_count     INTEGER NOT NULL,
    head            BLOB    NOT NULL,
    turns_accepted  INTEGER NOT NULL DEFAULT 0,
    turns_done      INTEGER NOT NULL DEFAULT 0,
    -- A session that was erased leaves its row, so that no late commit brings it back.
    erased          INTEGER NOT NULL DEFAULT 0 CHECK (erased IN (0, 1))
) STRICT;

CREATE INDEX sessions_newest ON sessions (tenant, updated_at, session_id) WHERE erased = 0;

CREATE TABLE session_events (
    id              INTEGER PRIMARY KEY,
    tenant          TEXT    NOT NULL,
    session_id      BLOB    NOT NULL,
    seq             INTEGER NOT NULL,
    event_id        BLOB    NOT NULL,
    occurred_at     INTEGER NOT NULL,
    payload         TEXT    NOT NULL,
    UNIQUE (session_id, seq),
    UNIQUE (session_id, event_id)
) STRICT;

CREATE TABLE turns (
    id               INTEGER PRIMARY KEY,
    turn_id          BLOB    NOT NULL UNIQUE,
    tenant           TEXT    NOT NULL,
    session_id       BLOB    NOT NULL,
    number           INTEGER NOT NULL,
    state            TEXT    NOT NULL CHECK (state IN ('accepted', 'ready', 'waiting', 'done')),
    cancel_requested INTEGER NOT NULL DEFAULT 0 CHECK (cancel_requested IN (0, 1)),
    -- How often it was claimed since it last made progress.
    tries            INTEGER NOT NULL DEFAULT 0,
    -- How many inputs its record has.
    steps            INTEGER NOT NULL DEFAULT 0,
    accepted_at      INTEGER NOT NULL,
    UNIQUE (session_id, number)
) STRICT;

-- The next turn of a session is the first one here.
CREATE INDEX turns_unfinished ON turns (session_id, number) WHERE state <> 'done';

CREATE TABLE turn_inputs (
    id              INTEGER PRIMARY KEY,
    tenant          TEXT    NOT NULL,
    session_id      BLOB    NOT NULL,
    turn_id         BLOB    NOT NULL,
    step            INTEGER NOT NULL,
    input           TEXT    NOT NULL,
    UNIQUE (turn_id, step)
) STRICT;

CREATE INDEX turn_inputs_session ON turn_inputs (session_id);

CREATE TABLE tool_calls (
    id              INTEGER PRIMARY KEY,
    call_id         BLOB    NOT NULL UNIQUE,
    tenant          TEXT    NOT NULL,
    session_id      BLOB    NOT NULL,
    turn_id         BLOB,
    call            TEXT    NOT NULL,
    state           TEXT    NOT NULL
                    CHECK (state IN ('requested', 'ready', 'claimed', 'done', 'delivered')),
    tries           INTEGER NOT NULL DEFAULT 0,
    outcome         TEXT,
    requested_at    INTEGER NOT NULL
) STRICT;

CREATE INDEX tool_calls_turn ON tool_calls (turn_id);
CREATE INDEX tool_calls_session ON tool_calls (session_id);
CREATE INDEX tool_calls_open ON tool_calls (session_id) WHERE outcome IS NULL;

-- Requests with an idempotency key, for a day: a repetition gets the first answer.
CREATE TABLE client_requests (
    id              INTEGER PRIMARY KEY,
    tenant          TEXT    NOT NULL,
    key             TEXT    NOT NULL,
    digest          BLOB    NOT NULL,
    answer          TEXT    NOT NULL,
    at              INTEGER NOT NULL,
    UNIQUE (tenant, key)
) STRICT;
