-- Memories that wait to be written or forgotten, and those that were written.

CREATE TABLE memory_write_outbox (
    id              bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant          text        NOT NULL,
    session_id      uuid        NOT NULL,
    persona_id      text,
    idempotency_key text        NOT NULL,
    -- The lane of that key.
    lane            smallint    NOT NULL,
    -- How many older writes of its key this one replaced in the row.
    version         bigint      NOT NULL DEFAULT 0,
    -- How often it was put off.
    retry_count     integer     NOT NULL DEFAULT 0,
    due_at          timestamptz NOT NULL DEFAULT '-infinity',
    payload         bytea       NOT NULL,
    traceparent     text,
    tracestate      text,
    created_at      timestamptz NOT NULL DEFAULT statement_timestamp(),
    UNIQUE (tenant, idempotency_key)
) WITH (fillfactor = 70);

CREATE INDEX memory_write_outbox_due ON memory_write_outbox (due_at, id);
CREATE INDEX memory_write_outbox_session ON memory_write_outbox (session_id);

-- Sessions that were erased, and whose memories are still to be forgotten.
CREATE TABLE memory_forgets (
    -- Grows in the order of erasure.
    id              bigint      GENERATED ALWAYS AS IDENTITY,
    session_id      uuid        PRIMARY KEY,
    tenant          text        NOT NULL,
    erased_at       timestamptz NOT NULL,
    due_at          timestamptz NOT NULL DEFAULT '-infinity'
);

CREATE INDEX memory_forgets_due ON memory_forgets (due_at, id);

CREATE TABLE memory_replica (
    id              bigint      GENERATED ALWAYS AS IDENTITY,
    tenant          text        NOT NULL,
    session_id      uuid        NOT NULL,
    event_id        uuid        NOT NULL,
    persona_id      text,
    role            text,
    -- When it was written, as its record says.
    wal_timestamp   timestamptz NOT NULL,
    payload         bytea       NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT statement_timestamp(),
    PRIMARY KEY (tenant, event_id)
);

CREATE INDEX memory_replica_session ON memory_replica (session_id);
