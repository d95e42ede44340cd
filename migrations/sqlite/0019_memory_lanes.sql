-- Memory writes are leased by lane: no row says who holds it.

UPDATE memory_write_outbox SET due_at = 0 WHERE owner IS NOT NULL;
DROP INDEX memory_write_outbox_held;
DROP INDEX memory_write_outbox_due;
ALTER TABLE memory_write_outbox DROP COLUMN owner;
-- `tries` counts how often a write was put off.
-- How many older writes of its key this one replaced in the row.
ALTER TABLE memory_write_outbox RENAME COLUMN token TO version;
-- The lane of the key. Of rows that were there before it is worked out once, when the file is opened.
ALTER TABLE memory_write_outbox ADD COLUMN lane INTEGER;

CREATE INDEX memory_write_outbox_due ON memory_write_outbox (due_at, lane);
