-- What is on its way out: messages to be published, memories to be written, and what was set aside.

-- AUTOINCREMENT: ids grow in the order of commits, and the id of a deleted row is never given again.
CREATE TABLE outbox (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    lane            INTEGER NOT NULL,
    tenant          TEXT    NOT NULL,
    topic           TEXT    NOT NULL,
    key             TEXT    NOT NULL,
    kind            TEXT    NOT NULL,
    dedupe_key      BLOB    NOT NULL,
    payload         TEXT    NOT NULL,
    created_at      INTEGER NOT NULL
) STRICT;

CREATE INDEX outbox_lane ON outbox (lane, id);

-- What was enqueued within a day, published or not.
CREATE TABLE outbox_dedupe (
    id              INTEGER PRIMARY KEY,
    tenant          TEXT    NOT NULL,
    topic           TEXT    NOT NULL,
    dedupe_key      BLOB    NOT NULL,
    at              INTEGER NOT NULL,
    UNIQUE (dedupe_key, topic)
) STRICT;

CREATE TABLE dlq (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    letter_id       BLOB    NOT NULL UNIQUE,
    tenant          TEXT,
    topic           TEXT    NOT NULL,
    partition       INTEGER,
    position        INTEGER,
    key             TEXT    NOT NULL,
    payload         TEXT    NOT NULL,
    error           TEXT    NOT NULL,
    at              INTEGER NOT NULL
) STRICT;

CREATE INDEX dlq_key ON dlq (key);

CREATE TABLE memory_write_outbox (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant          TEXT    NOT NULL,
    session_id      BLOB    NOT NULL,
    key             TEXT    NOT NULL,
    -- Changes whenever the row is taken up or overwritten.
    token           INTEGER NOT NULL DEFAULT 0,
    tries           INTEGER NOT NULL DEFAULT 0,
    -- Who holds it, until it is due again.
    owner           BLOB,
    due_at          INTEGER NOT NULL,
    payload         TEXT    NOT NULL,
    UNIQUE (tenant, key)
) STRICT;

CREATE INDEX memory_write_outbox_due ON memory_write_outbox (due_at);
CREATE INDEX memory_write_outbox_held ON memory_write_outbox (id) WHERE owner IS NOT NULL;
CREATE INDEX memory_write_outbox_session ON memory_write_outbox (session_id);

CREATE TABLE memory_replica (
    id              INTEGER PRIMARY KEY,
    tenant          TEXT    NOT NULL,
    session_id      BLOB    NOT NULL,
    event_id        BLOB    NOT NULL,
    written_at      INTEGER NOT NULL,
    payload         TEXT    NOT NULL,
    UNIQUE (tenant, event_id)
) STRICT;

CREATE INDEX memory_replica_session ON memory_replica (session_id);
