//! The settings: the variable of each, its place in the file, and what it must be.

/// A setting, by its two names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The environment variable.
    pub variable: &'static str,
    /// The place in the file, as `section.key`.
    pub key: &'static str,
    /// What the value must be, for people.
    pub expects: &'static str,
    /// Whether a wrong value is shown to people.
    pub display: Display,
}

/// Whether a value may be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Display {
    /// It may.
    Shown,
    /// It is a secret, or may hold one.
    Hidden,
}

macro_rules! settings {
    ($($name:ident = $variable:literal, $key:literal, $expects:literal, $display:ident;)+) => {
        $(
            #[doc = concat!("`", $variable, "`, `", $key, "`: ", $expects, ".")]
            pub const $name: Setting = Setting {
                variable: $variable,
                key: $key,
                expects: $expects,
                display: Display::$display,
            };
        )+

        /// Every setting.
        pub const ALL: &[Setting] = &[$($name),+];
    };
}

settings! {
    MODE = "SOMA_AGENT_ENV", "service.mode", "DEV, STAGING or PROD", Shown;
    TENANT = "SOMA_TENANT_ID", "service.tenant", "1 to 64 of A-Z a-z 0-9 . _ - @", Shown;
    DRAIN = "SOMA_DRAIN_SECONDS", "service.drain_seconds", "a number from 0 to 3600", Shown;
    BIND = "SOMA_BIND", "gateway.bind", "an IP address", Shown;
    PORT = "GATEWAY_PORT", "gateway.port", "a port number from 0 to 65535", Shown;
    HOSTS = "SOMA_HOSTS", "gateway.hosts",
        "host names or IP addresses with commas between, without scheme, port and path", Shown;
    RATE = "SOMA_RATE_PER_MINUTE", "gateway.rate_per_minute", "a number, 0 for no limit", Shown;
    SESSION_BACKLOG = "SOMA_MAX_WAITING_PER_SESSION", "gateway.max_waiting_per_session",
        "a number from 1 to 1000000", Shown;
    TENANT_BACKLOG = "SOMA_MAX_WAITING_PER_TENANT", "gateway.max_waiting_per_tenant",
        "a number from 1 to 1000000", Shown;
    BACKLOG = "SOMA_MAX_WAITING", "gateway.max_waiting", "a number from 1 to 1000000", Shown;
    WAIT = "SOMA_MAX_WAIT_SECONDS", "gateway.max_wait_seconds", "a number from 1 to 86400", Shown;
    DATA = "SOMA_DATA", "data.folder", "a folder", Shown;
    RETENTION = "SOMA_LOG_RETENTION_HOURS", "data.log_retention_hours",
        "a number from 1 to 876000", Shown;
    BASE_URL = "SLM_BASE_URL", "model.base_url",
        "an address such as http://localhost:11434/v1, without user, password or query", Hidden;
    MODEL = "SLM_MODEL", "model.model", "the name of a model", Shown;
    API_KEY = "SLM_API_KEY", "model.api_key", "a key of visible ASCII characters", Hidden;
    ESCALATION_MODEL = "SLM_ESCALATION_MODEL", "model.escalation_model",
        "the name of a model", Shown;
    FALLBACK_MODEL = "SLM_FALLBACK_MODEL", "model.fallback_model", "the name of a model", Shown;
    MAX_TOKENS = "SLM_MAX_TOKENS", "model.max_tokens", "a number from 1 to 1000000", Shown;
    CONTEXT_TOKENS = "SLM_CONTEXT_TOKENS", "model.context_tokens",
        "a number from 256 to 10000000", Shown;
    TEMPERATURE = "SLM_TEMPERATURE", "model.temperature", "a number from 0 to 2", Shown;
    WITHOUT_TOOLS = "SLM_WITHOUT_TOOLS", "model.without_tools",
        "names of models with commas between them, or *", Shown;
    BUDGET = "BUDGET_LIMIT_TOKENS", "budget.limit_tokens", "a number, 0 for no limit", Shown;
    WORKER_CONCURRENCY = "SOMA_WORKER_CONCURRENCY", "worker.concurrency",
        "a number from 1 to 10000", Shown;
    TENANT_CONCURRENCY = "SOMA_TENANT_CONCURRENCY", "worker.tenant_concurrency",
        "a number from 1 to 10000", Shown;
    POLICY_BUNDLE = "POLICY_BUNDLE", "policy.bundle", "a folder of Rego files", Shown;
    OPA_URL = "OPA_URL", "policy.opa_url", "an address such as http://opa:8181", Hidden;
    POSTGRES_DSN = "POSTGRES_DSN", "postgres.dsn",
        "a URL such as postgresql://user@host:5432/soma", Hidden;
    POSTGRES_OWNER_DSN = "POSTGRES_OWNER_DSN", "postgres.owner_dsn",
        "a URL such as postgresql://owner@host:5432/soma", Hidden;
    POSTGRES_CA = "POSTGRES_CA_FILE", "postgres.ca_file", "a PEM file", Shown;
    PG_CONNECTIONS = "PG_POOL_MAX_SIZE", "postgres.connections", "a number from 1 to 1000", Shown;
    KAFKA_BROKERS = "KAFKA_BOOTSTRAP_SERVERS", "kafka.bootstrap_servers",
        "brokers as host:port with commas between", Shown;
    KAFKA_PREFIX = "KAFKA_TOPIC_PREFIX", "kafka.topic_prefix",
        "at most 100 of A-Z a-z 0-9 . _ -", Shown;
    KAFKA_PARTITIONS = "KAFKA_PARTITIONS", "kafka.partitions", "a number from 1 to 1000", Shown;
    KAFKA_SECURITY = "KAFKA_SECURITY_PROTOCOL", "kafka.security_protocol",
        "PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL", Shown;
    KAFKA_CA = "KAFKA_SSL_CAFILE", "kafka.ca_file", "a PEM file", Shown;
    KAFKA_MECHANISM = "KAFKA_SASL_MECHANISM", "kafka.sasl_mechanism",
        "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512", Shown;
    KAFKA_USER = "KAFKA_SASL_USERNAME", "kafka.sasl_username", "a name", Shown;
    KAFKA_PASSWORD = "KAFKA_SASL_PASSWORD", "kafka.sasl_password", "a password", Hidden;
    REDIS_URL = "REDIS_URL", "redis.url", "a URL such as redis://host:6379", Hidden;
    SOMABRAIN_URL = "SOMA_BASE_URL", "somabrain.base_url",
        "an address such as http://brain:9696", Hidden;
    SOMABRAIN_KEY = "SOMA_API_KEY", "somabrain.api_key",
        "a key of visible ASCII characters", Hidden;
    SOMABRAIN_NAMESPACE = "SOMA_MEMORY_NAMESPACE", "somabrain.namespace",
        "at most 100 of A-Z a-z 0-9 . _ -", Shown;
    METRICS_HOST = "METRICS_HOST", "service.metrics_host", "an IP address", Shown;
    GATEWAY_METRICS = "GATEWAY_METRICS_PORT", "service.gateway_metrics_port",
        "a port number from 0 to 65535", Shown;
    WORKER_METRICS = "CONVERSATION_METRICS_PORT", "service.conversation_metrics_port",
        "a port number from 0 to 65535", Shown;
    EXECUTOR_METRICS = "TOOL_EXECUTOR_METRICS_PORT", "service.tool_executor_metrics_port",
        "a port number from 0 to 65535", Shown;
    REPLICATOR_METRICS = "REPLICATOR_METRICS_PORT", "service.replicator_metrics_port",
        "a port number from 0 to 65535", Shown;
    MEMORY_SYNC_METRICS = "MEMORY_SYNC_METRICS_PORT", "service.memory_sync_metrics_port",
        "a port number from 0 to 65535", Shown;
    OUTBOX_SYNC_METRICS = "OUTBOX_SYNC_METRICS_PORT", "service.outbox_sync_metrics_port",
        "a port number from 0 to 65535", Shown;
    LOG_LEVEL = "LOG_LEVEL", "log.level",
        "off, error, warn, info, debug or trace; or such as info,soma_sqlite=debug", Shown;
}
