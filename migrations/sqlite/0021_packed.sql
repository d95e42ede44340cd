-- Events, inputs and the rows of the replica may be packed: then a blob stands where a text did. An
-- index by event ids alone grows at its end; inputs are found by their turns.

CREATE TABLE packed_events (
    id              INTEGER PRIMARY KEY,
    tenant          TEXT    NOT NULL,
    session_id      BLOB    NOT NULL,
    seq             INTEGER NOT NULL,
    event_id        BLOB    NOT NULL,
    occurred_at     INTEGER NOT NULL,
    history         INTEGER NOT NULL DEFAULT 0 CHECK (history IN (0, 1)),
    payload         ANY     NOT NULL CHECK (typeof(payload) IN ('text', 'blob')),
    UNIQUE (session_id, seq)
) STRICT;

INSERT INTO packed_events
SELECT id, tenant, session_id, seq, event_id, occurred_at, history, payload
  FROM session_events ORDER BY id;

DROP TABLE session_events;
ALTER TABLE packed_events RENAME TO session_events;

CREATE INDEX session_events_event ON session_events (event_id);
CREATE INDEX session_events_history ON session_events (session_id, seq) WHERE history = 1;

CREATE TABLE packed_inputs (
    id              INTEGER PRIMARY KEY,
    tenant          TEXT    NOT NULL,
    turn_id         BLOB    NOT NULL,
    step            INTEGER NOT NULL,
    input           ANY     NOT NULL CHECK (typeof(input) IN ('text', 'blob')),
    UNIQUE (turn_id, step)
) STRICT;

INSERT INTO packed_inputs SELECT id, tenant, turn_id, step, input FROM turn_inputs ORDER BY id;

DROP TABLE turn_inputs;
ALTER TABLE packed_inputs RENAME TO turn_inputs;

CREATE TABLE packed_replica (
    id              INTEGER PRIMARY KEY,
    tenant          TEXT    NOT NULL,
    session_id      BLOB    NOT NULL,
    event_id        BLOB    NOT NULL,
    written_at      INTEGER NOT NULL,
    payload         ANY     NOT NULL CHECK (typeof(payload) IN ('text', 'blob')),
    UNIQUE (tenant, event_id)
) STRICT;

INSERT INTO packed_replica SELECT * FROM memory_replica ORDER BY id;

DROP TABLE memory_replica;
ALTER TABLE packed_replica RENAME TO memory_replica;

CREATE INDEX memory_replica_session ON memory_replica (session_id);
