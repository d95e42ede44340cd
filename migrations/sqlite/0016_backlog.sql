-- What is not done, by tenant: how much waits is asked once a second.

CREATE INDEX turns_backlog ON turns (tenant) WHERE state <> 'done';
CREATE INDEX tool_calls_backlog ON tool_calls (tenant) WHERE outcome IS NULL;
