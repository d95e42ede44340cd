-- Sessions, what happened in them, and the turns that made it.
--
-- A payload is the JSON of the platform as it was written, byte by byte, in a bytea: jsonb would order
-- its fields anew, refuse a \u0000 and cost more. For people: convert_from(payload, 'UTF8')::jsonb.

-- The time by which what is stored here is due, and ends. Tests replace it.
CREATE FUNCTION soma_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE
    AS 'SELECT statement_timestamp()';

CREATE TABLE sessions (
    session_id      uuid        PRIMARY KEY,
    tenant          text        NOT NULL,
    persona_id      text,
    metadata        jsonb       NOT NULL DEFAULT '{}',
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    event_count     bigint      NOT NULL,
    head            bytea       NOT NULL,
    turns_accepted  bigint      NOT NULL DEFAULT 0,
    turns_done      bigint      NOT NULL DEFAULT 0,
    -- A session that was erased leaves its row, so that no late commit brings it back.
    erased          boolean     NOT NULL DEFAULT false
) WITH (fillfactor = 70);

CREATE INDEX sessions_newest ON sessions (tenant, updated_at, session_id) WHERE NOT erased;

CREATE TABLE session_events (
    id              bigint      GENERATED ALWAYS AS IDENTITY,
    tenant          text        NOT NULL,
    session_id      uuid        NOT NULL,
    seq             bigint      NOT NULL,
    event_id        uuid        NOT NULL,
    occurred_at     timestamptz NOT NULL,
    -- Whether a history is made of it.
    history         boolean     NOT NULL,
    payload         bytea       NOT NULL,
    PRIMARY KEY (session_id, seq)
);

CREATE INDEX session_events_event ON session_events (event_id);

CREATE TABLE turns (
    -- Grows in the order in which turns of a session were accepted.
    id               bigint      GENERATED ALWAYS AS IDENTITY,
    turn_id          uuid        PRIMARY KEY,
    tenant           text        NOT NULL,
    session_id       uuid        NOT NULL,
    number           bigint      NOT NULL,
    state            text        NOT NULL CHECK (state IN ('accepted', 'ready', 'waiting', 'done')),
    cancel_requested boolean     NOT NULL DEFAULT false,
    -- How many inputs its record has.
    steps            integer     NOT NULL,
    accepted_at      timestamptz NOT NULL,
    UNIQUE (session_id, number)
) WITH (fillfactor = 70);

-- The next turn of a session is the first one here.
CREATE INDEX turns_unfinished ON turns (tenant, session_id, number) WHERE state <> 'done';
-- What was committed long ago and has not arrived.
CREATE INDEX turns_overdue ON turns (state, accepted_at) WHERE state IN ('accepted', 'waiting');

CREATE TABLE turn_inputs (
    tenant          text        NOT NULL,
    turn_id         uuid        NOT NULL,
    step            integer     NOT NULL,
    input           bytea       NOT NULL,
    PRIMARY KEY (turn_id, step)
);

CREATE TABLE tool_calls (
    -- Grows in the order in which calls of a session were asked for.
    id              bigint      GENERATED ALWAYS AS IDENTITY,
    call_id         uuid        PRIMARY KEY,
    tenant          text        NOT NULL,
    session_id      uuid        NOT NULL,
    turn_id         uuid,
    call            bytea       NOT NULL,
    state           text        NOT NULL
                    CHECK (state IN ('requested', 'ready', 'claimed', 'done', 'delivered')),
    tries           integer     NOT NULL DEFAULT 0,
    outcome         bytea,
    requested_at    timestamptz NOT NULL,
    -- When its outcome was committed; none before that.
    done_at         timestamptz,
    traceparent     text,
    tracestate      text
) WITH (fillfactor = 70);

CREATE INDEX tool_calls_turn ON tool_calls (turn_id, id);
CREATE INDEX tool_calls_session ON tool_calls (session_id);
CREATE INDEX tool_calls_open ON tool_calls (tenant, session_id, id) WHERE outcome IS NULL;
CREATE INDEX tool_calls_overdue ON tool_calls (requested_at) WHERE state = 'requested';

-- Requests with an idempotency key, for a day: a repetition gets the first answer.
CREATE TABLE client_requests (
    id              bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant          text        NOT NULL,
    key             text        NOT NULL,
    digest          bytea       NOT NULL,
    answer          bytea       NOT NULL,
    at              timestamptz NOT NULL,
    UNIQUE (tenant, key)
);

CREATE INDEX client_requests_at ON client_requests (at);
