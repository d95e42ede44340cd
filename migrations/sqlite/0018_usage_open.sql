-- What is set aside and not settled, by account and window: few rows, whatever the ledger has.

CREATE INDEX usage_ledger_open ON usage_ledger (tenant, persona_id, budget_window)
    WHERE used IS NULL;
