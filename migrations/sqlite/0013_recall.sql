-- What recall ranks by stands in columns, so that only what is answered is read whole; and the index
-- has the tenant in each word, so that a search reads nothing of others.

CREATE TABLE memories_by_column (
    id              INTEGER PRIMARY KEY,
    tenant          TEXT    NOT NULL,
    key             TEXT    NOT NULL,
    session_id      BLOB    NOT NULL,
    event_id        BLOB    NOT NULL,
    at              INTEGER NOT NULL,
    importance      REAL    NOT NULL,
    -- SHA-256 of the folded text: finds the very text that is asked for.
    text_digest     BLOB    NOT NULL,
    role            TEXT    NOT NULL,
    persona_id      TEXT,
    text            TEXT    NOT NULL,
    -- The words of the text, as `soma_core::memory::words` parts and folds them.
    terms           TEXT    NOT NULL,
    -- A JSON object; none if it is empty.
    metadata        TEXT,
    UNIQUE (tenant, key)
) STRICT;

INSERT INTO memories_by_column
SELECT id, tenant, key, session_id, unhex(payload ->> '$.event_id', '-'), at,
       payload ->> '$.importance', text_digest, payload ->> '$.role', payload ->> '$.persona_id',
       payload ->> '$.text', terms, nullif(payload -> '$.metadata', '{}')
  FROM memories JOIN memory_words ON memory_words.rowid = id;

-- `rowid` is the memory's id. Each word follows the word that stands for its tenant, which stands alone,
-- too. Nothing is left to the tokenizer but to split at spaces, so `ascii`, to which every other
-- character is part of a word, whatever version of Unicode it came with.
CREATE VIRTUAL TABLE memory_terms USING fts5 (
    terms, tokenize = "ascii", content = "", contentless_delete = 1, detail = "none"
);

INSERT INTO memory_terms (rowid, terms)
SELECT rowid, substr(scope, 1, 9) || ' '
       || iif(terms = '', '', substr(scope, 1, 9) || replace(terms, ' ', ' ' || substr(scope, 1, 9)))
  FROM memory_words ORDER BY rowid;

DROP TABLE memory_words;
DROP TABLE memories;
ALTER TABLE memories_by_column RENAME TO memories;

CREATE INDEX memories_newest ON memories (tenant, at);
CREATE INDEX memories_session ON memories (tenant, session_id);
CREATE INDEX memories_text ON memories (tenant, text_digest, at, event_id);
