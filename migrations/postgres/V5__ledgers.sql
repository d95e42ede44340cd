-- What was used, and what was allowed.

CREATE TABLE usage_ledger (
    tenant          text        NOT NULL,
    -- Empty: no persona in particular.
    persona_id      text        NOT NULL,
    budget_window   bigint      NOT NULL,
    turn_id         uuid        NOT NULL,
    call            bigint      NOT NULL,
    reserved        bigint      NOT NULL,
    -- None until it is settled.
    used            bigint,
    PRIMARY KEY (turn_id, call)
) WITH (fillfactor = 70);

-- What is set aside and not settled: few rows, whatever the ledger has.
CREATE INDEX usage_ledger_open ON usage_ledger (tenant, persona_id, budget_window)
    WHERE used IS NULL;

-- The sums of the ledger, kept in the same transaction: room is a question of one row.
CREATE TABLE usage_totals (
    tenant          text        NOT NULL,
    persona_id      text        NOT NULL,
    budget_window   bigint      NOT NULL,
    reserved        bigint      NOT NULL DEFAULT 0,
    used            bigint      NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, persona_id, budget_window)
) WITH (fillfactor = 10);

CREATE TABLE policy_decisions (
    id              bigint      GENERATED ALWAYS AS IDENTITY,
    tenant          text        NOT NULL,
    session_id      uuid        NOT NULL,
    action          text        NOT NULL,
    resource        text        NOT NULL,
    allow           boolean     NOT NULL,
    reasons         bytea       NOT NULL,
    input           bytea       NOT NULL,
    at              timestamptz NOT NULL
);

-- Nobody but people reads them: by time.
CREATE INDEX policy_decisions_at ON policy_decisions USING brin (at);
