-- The event log: what was published, in the order of each partition.

CREATE TABLE log (
    topic           TEXT    NOT NULL,
    partition       INTEGER NOT NULL,
    position        INTEGER NOT NULL,
    key             TEXT    NOT NULL,
    value           BLOB    NOT NULL,
    -- A JSON object of texts.
    headers         TEXT    NOT NULL,
    at              INTEGER NOT NULL,
    PRIMARY KEY (topic, partition, position)
) STRICT;
