-- The outbox refers to events, in place of copies of them, and remembers nothing of what it published:
-- every consumer knows an event that it has seen.

CREATE TABLE outbox_rows (
    -- Ids grow in the order of commits, and the id of a deleted row is never given again.
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    lane            INTEGER NOT NULL,
    tenant          TEXT    NOT NULL,
    topic           TEXT    NOT NULL,
    -- The session, as text.
    key             TEXT    NOT NULL,
    -- The type of the message, or those of the events, separated by spaces.
    kind            TEXT    NOT NULL,
    -- A message.
    event_id        BLOB,
    payload         BLOB,
    -- Or the numbers of events in session_events.
    first_seq       INTEGER,
    last_seq        INTEGER,
    traceparent     TEXT,
    tracestate      TEXT,
    created_at      INTEGER NOT NULL,
    CHECK ((payload IS NULL) = (event_id IS NULL) AND (payload IS NULL) = (first_seq IS NOT NULL)),
    CHECK ((first_seq IS NULL) = (last_seq IS NULL))
) STRICT;

-- Ids go on where they were, also if no row waits.
INSERT INTO sqlite_sequence (name, seq)
    SELECT 'outbox_rows', seq FROM sqlite_sequence WHERE name = 'outbox';
INSERT INTO outbox_rows (id, lane, tenant, topic, key, kind, event_id, payload, created_at)
    SELECT id, lane, tenant, topic, key, kind, dedupe_key, CAST(payload AS BLOB), created_at
      FROM outbox ORDER BY id;

DROP TABLE outbox;
DROP TABLE outbox_dedupe;
ALTER TABLE outbox_rows RENAME TO outbox;
