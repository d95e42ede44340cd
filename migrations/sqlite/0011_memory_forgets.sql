-- Sessions that were erased, and whose memories are still to be forgotten.

CREATE TABLE memory_forgets (
    -- Grows in the order of erasure.
    id              INTEGER PRIMARY KEY,
    session_id      BLOB    NOT NULL UNIQUE,
    tenant          TEXT    NOT NULL,
    erased_at       INTEGER NOT NULL,
    due_at          INTEGER NOT NULL
) STRICT;

CREATE INDEX memory_forgets_due ON memory_forgets (due_at);
