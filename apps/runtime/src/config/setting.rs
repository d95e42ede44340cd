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
    LOG_LEVEL = "LOG_LEVEL", "log.level",
        "off, error, warn, info, debug or trace; or such as info,soma_sqlite=debug", Shown;
}
