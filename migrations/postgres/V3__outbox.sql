-- What waits to be published, and what was set aside.

CREATE TABLE outbox (
    -- Grows for a key in the order of commits: whoever inserts holds the row of the session.
    id              bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    lane            smallint    NOT NULL,
    tenant          text        NOT NULL,
    topic           text        NOT NULL,
    -- The session, as text; bytes, since the key of a record that cannot be read may be anything.
    key             bytea       NOT NULL,
    -- The type of the message, or those of the events, separated by spaces.
    kind            text        NOT NULL,
    -- A message, by which its consumers know that they have seen it.
    dedupe_key      uuid,
    payload         bytea,
    -- Or the numbers of events in session_events.
    first_seq       bigint,
    last_seq        bigint,
    traceparent     text,
    tracestate      text,
    created_at      timestamptz NOT NULL,
    -- Always empty: a row that was published is deleted.
    published_at    timestamptz,
    CHECK ((payload IS NULL) = (dedupe_key IS NULL) AND (payload IS NULL) = (first_seq IS NOT NULL)),
    CHECK ((first_seq IS NULL) = (last_seq IS NULL))
);

-- A transaction has its number before it takes an id. By that a relay knows up to which id it sees every
-- row: when all transactions have ended that began before it looked which id was the last.
CREATE FUNCTION soma_number_transaction() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_current_xact_id();
    RETURN NULL;
END
$$;

CREATE TRIGGER outbox_numbers_transaction BEFORE INSERT ON outbox
    FOR EACH STATEMENT EXECUTE FUNCTION soma_number_transaction();

CREATE TABLE dlq (
    id              bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    letter_id       uuid        NOT NULL UNIQUE,
    tenant          text        NOT NULL,
    topic           text        NOT NULL,
    partition       integer,
    position        bigint,
    key             bytea       NOT NULL,
    event           bytea       NOT NULL,
    error           bytea       NOT NULL,
    created_at      timestamptz NOT NULL
);

CREATE INDEX dlq_key ON dlq (key);
