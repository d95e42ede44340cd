-- The trace context of a commit goes with what it leaves to be done.

ALTER TABLE tool_calls ADD COLUMN traceparent TEXT;
ALTER TABLE tool_calls ADD COLUMN tracestate TEXT;
ALTER TABLE memory_write_outbox ADD COLUMN traceparent TEXT;
ALTER TABLE memory_write_outbox ADD COLUMN tracestate TEXT;
