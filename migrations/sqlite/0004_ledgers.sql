-- What was used, and what was allowed.

CREATE TABLE usage_ledger (
    id              INTEGER PRIMARY KEY,
    tenant          TEXT    NOT NULL,
    -- Empty: no persona in particular.
    persona_id      TEXT    NOT NULL,
    budget_window   INTEGER NOT NULL,
    turn_id         BLOB    NOT NULL,
    call            INTEGER NOT NULL,
    reserved        INTEGER NOT NULL,
    -- None until it is settled.
    used            INTEGER,
    UNIQUE (turn_id, call)
) STRICT;

-- The sums of the ledger, kept in the same transaction: room is a question of one row.
CREATE TABLE usage_totals (
    id              INTEGER PRIMARY KEY,
    tenant          TEXT    NOT NULL,
    persona_id      TEXT    NOT NULL,
    budget_window   INTEGER NOT NULL,
    reserved        INTEGER NOT NULL DEFAULT 0,
    used            INTEGER NOT NULL DEFAULT 0,
    UNIQUE (tenant, persona_id, budget_window)
) STRICT;

CREATE TABLE policy_decisions (
    id              INTEGER PRIMARY KEY,
    tenant          TEXT    NOT NULL,
    session_id      BLOB    NOT NULL,
    action          TEXT    NOT NULL,
    resource        TEXT    NOT NULL,
    allow           INTEGER NOT NULL CHECK (allow IN (0, 1)),
    reasons         TEXT    NOT NULL,
    input           BLOB    NOT NULL,
    at              INTEGER NOT NULL
) STRICT;
