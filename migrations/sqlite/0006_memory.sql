-- What is remembered, and the words it is found by.

CREATE TABLE memories (
    id              INTEGER PRIMARY KEY,
    tenant          TEXT    NOT NULL,
    key             TEXT    NOT NULL,
    session_id      BLOB    NOT NULL,
    at              INTEGER NOT NULL,
    -- SHA-256 of the folded text: finds the very text that is asked for.
    text_digest     BLOB    NOT NULL,
    payload         TEXT    NOT NULL,
    UNIQUE (tenant, key)
) STRICT;

CREATE INDEX memories_newest ON memories (tenant, at);
CREATE INDEX memories_session ON memories (tenant, session_id);
CREATE INDEX memories_text ON memories (tenant, text_digest, at);

-- `rowid` is the memory's id. `scope` is one word that stands for the tenant, so that a search reads
-- nothing of others; `terms` are the words of the text, as `soma_inproc::memory::words` parts and
-- folds them: nothing is left to the tokenizer but to split at spaces, so `ascii`, to which every
-- other character is part of a word, whatever version of Unicode it came with.
CREATE VIRTUAL TABLE memory_words USING fts5 (scope, terms, tokenize = "ascii");
