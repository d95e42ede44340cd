-- Dead letters are read and redriven, and decisions are made outside of sessions.

-- What the letter was before it was set aside, as JSON; none of a letter that is older than this.
ALTER TABLE dlq ADD COLUMN origin TEXT;

CREATE INDEX dlq_topic ON dlq (topic, id, at);

CREATE TABLE decisions_anywhere (
    id              INTEGER PRIMARY KEY,
    tenant          TEXT    NOT NULL,
    -- None: what operators do, they do in no session.
    session_id      BLOB,
    action          TEXT    NOT NULL,
    resource        TEXT    NOT NULL,
    allow           INTEGER NOT NULL CHECK (allow IN (0, 1)),
    reasons         TEXT    NOT NULL,
    input           BLOB    NOT NULL,
    at              INTEGER NOT NULL,
    bundle          BLOB
) STRICT;

INSERT INTO decisions_anywhere SELECT * FROM policy_decisions ORDER BY id;

DROP TABLE policy_decisions;
ALTER TABLE decisions_anywhere RENAME TO policy_decisions;
