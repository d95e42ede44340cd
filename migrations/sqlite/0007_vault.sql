-- Keys of clients, hashed, and secrets of providers, sealed.

CREATE TABLE api_keys (
    key_id          TEXT    PRIMARY KEY,
    tenant          TEXT    NOT NULL,
    created_at      INTEGER NOT NULL,
    payload         TEXT    NOT NULL
) STRICT;

CREATE INDEX api_keys_tenant ON api_keys (tenant, created_at);

CREATE TABLE provider_secrets (
    provider        TEXT    PRIMARY KEY,
    sealed          BLOB    NOT NULL
) STRICT;
