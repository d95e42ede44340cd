-- Keys of clients, hashed, secrets of providers, sealed, and what may vanish at any time.

CREATE TABLE api_keys (
    key_id          text        PRIMARY KEY,
    tenant          text        NOT NULL,
    created_at      timestamptz NOT NULL,
    payload         bytea       NOT NULL
);

CREATE INDEX api_keys_tenant ON api_keys (tenant, created_at, key_id);

CREATE TABLE provider_secrets (
    provider        text        PRIMARY KEY,
    sealed          bytea       NOT NULL
);

CREATE TABLE session_cache (
    session_id      uuid        PRIMARY KEY,
    tenant          text        NOT NULL,
    until           timestamptz NOT NULL,
    payload         bytea       NOT NULL
);

CREATE INDEX session_cache_until ON session_cache (until);

CREATE TABLE model_profiles (
    id              bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    role            text        NOT NULL,
    deployment_mode text        NOT NULL,
    model           text        NOT NULL,
    base_url        text        NOT NULL,
    temperature     double precision NOT NULL DEFAULT 0.2,
    kwargs          jsonb       NOT NULL DEFAULT '{}',
    UNIQUE (role, deployment_mode)
);

CREATE TABLE ui_settings (
    id              bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    document        jsonb       NOT NULL DEFAULT '{}'
);

CREATE TABLE attachments (
    id                uuid        PRIMARY KEY,
    tenant            text        NOT NULL,
    session_id        uuid,
    persona_id        text,
    filename          text        NOT NULL,
    mime              text        NOT NULL,
    size              bigint      NOT NULL,
    sha256            text        NOT NULL,
    status            text        NOT NULL CHECK (status IN ('clean', 'quarantined')),
    quarantine_reason text,
    created_at        timestamptz NOT NULL DEFAULT statement_timestamp(),
    content           bytea
);

CREATE INDEX attachments_session ON attachments (session_id, created_at);
CREATE INDEX attachments_tenant ON attachments (tenant, created_at);
