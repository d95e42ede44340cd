-- Session metadata that may vanish at any time.

CREATE TABLE session_cache (
    session_id      BLOB    PRIMARY KEY,
    until           INTEGER NOT NULL,
    payload         TEXT    NOT NULL
) STRICT;

CREATE INDEX session_cache_until ON session_cache (until);
