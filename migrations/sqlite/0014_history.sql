-- A history is read without what is between: of the events of a turn, less than half.

ALTER TABLE session_events ADD COLUMN history INTEGER NOT NULL DEFAULT 0 CHECK (history IN (0, 1));

UPDATE session_events SET history = 1
 WHERE payload ->> '$.type' IN ('user.message', 'tool.requested', 'tool.result', 'assistant.final',
                                'turn.failed', 'session.reset');

CREATE INDEX session_events_history ON session_events (session_id, seq) WHERE history = 1;
