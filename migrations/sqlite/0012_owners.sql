-- Who works, and what is held against the work of those who died.

-- Owners that were heard of, until they are found dead.
CREATE TABLE work_owners (
    kind            TEXT    NOT NULL CHECK (kind IN ('turns', 'calls')),
    owner           BLOB    NOT NULL,
    -- It counts as alive until then.
    until           INTEGER NOT NULL,
    PRIMARY KEY (kind, owner)
) STRICT, WITHOUT ROWID;

CREATE TABLE work_blame (
    kind            TEXT    PRIMARY KEY CHECK (kind IN ('turns', 'calls')),
    -- How many owners died with no isolated work.
    deaths          INTEGER NOT NULL DEFAULT 0,
    -- No work is isolated before this.
    resumes_at      INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

INSERT INTO work_blame (kind) VALUES ('turns'), ('calls');

-- A claim lives as long as its owner. What is claimed while this runs is nobody's: its owner is gone.
DROP INDEX work_claims_waiting;
DROP INDEX work_claims_held;
ALTER TABLE work_claims DROP COLUMN until;
ALTER TABLE turns DROP COLUMN tries;
-- With how many suspects at most, itself included, it may be held: 4294967295 if it is not a suspect,
-- 1 if it is isolated.
ALTER TABLE work_claims ADD COLUMN max_suspects INTEGER NOT NULL DEFAULT 4294967295;
-- How often it failed, or killed its worker while isolated, since it last made progress.
ALTER TABLE work_claims ADD COLUMN tries INTEGER NOT NULL DEFAULT 0;
-- How many owners had died with no isolated work when it was judged last.
ALTER TABLE work_claims ADD COLUMN deaths INTEGER NOT NULL DEFAULT 0;
UPDATE work_claims SET owner = NULL WHERE owner IS NOT NULL;

CREATE INDEX work_claims_waiting ON work_claims (kind, tenant, oldest)
    WHERE oldest IS NOT NULL AND owner IS NULL;
CREATE INDEX work_claims_held ON work_claims (kind, owner, tenant) WHERE owner IS NOT NULL;
CREATE INDEX work_claims_suspects ON work_claims (kind, max_suspects) WHERE max_suspects < 4294967295;
