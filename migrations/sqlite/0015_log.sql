-- Records of the log that say what a recorded event says refer to it, and pieces of answers are not
-- kept: they need not outlive their turn.

CREATE TABLE lean_log (
    topic           TEXT    NOT NULL,
    partition       INTEGER NOT NULL,
    position        INTEGER NOT NULL,
    -- The event that the record refers to; else the record's own key and value.
    session_id      BLOB,
    seq             INTEGER,
    key             TEXT,
    value           BLOB,
    -- A JSON object of texts; without those that the event tells.
    headers         TEXT    NOT NULL,
    at              INTEGER NOT NULL,
    PRIMARY KEY (topic, partition, position)
) STRICT, WITHOUT ROWID;

INSERT INTO lean_log
SELECT topic, partition, position, NULL, NULL, key, value, headers, at FROM log
 WHERE headers ->> '$.type' IS NOT 'assistant.delta';

DROP TABLE log;
ALTER TABLE lean_log RENAME TO log;
