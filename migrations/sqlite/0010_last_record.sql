-- The position knows the record before it, so that a log that was cut and grew again is noticed.

-- SHA-256 of the record before `next_offset`; none if it is not known.
ALTER TABLE leases ADD COLUMN last_record BLOB;
