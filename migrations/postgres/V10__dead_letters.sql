-- Dead letters are read and redriven, and decisions are made outside of sessions.

-- What the letter was before it was set aside, as JSON; none of a letter that is older than this.
ALTER TABLE dlq ADD COLUMN origin bytea;

CREATE INDEX dlq_topic ON dlq (topic, id) INCLUDE (created_at);

-- What operators do, they do in no session.
ALTER TABLE policy_decisions ALTER COLUMN session_id DROP NOT NULL;
