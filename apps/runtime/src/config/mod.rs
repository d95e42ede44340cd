//! The settings: from the environment and one TOML file, read once, all problems at once.
//!
//! Each setting has a variable and a place in the file; the environment wins, and an empty value is
//! no value. The file is the one that `SOMA_CONFIG` names, or `soma/soma.toml` in
//! `$XDG_CONFIG_HOME` or `~/.config` if it is there. `docs/config/soma.toml` has every setting with
//! its default. To add one: a line in [`setting`], a field in [`Config`], a line in that file.

mod data;
mod embedded;
mod engines;
mod file;
mod mode;
mod model;
mod parse;
mod problem;
mod reader;
mod secret;
pub mod setting;
mod unknown;

use std::net::{IpAddr, Ipv4Addr};
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use soma_core::budget::Tokens;
use soma_core::ids::TenantId;
use soma_core::work::backlog::BacklogLimits;
use tracing_subscriber::filter::{LevelFilter, Targets};

pub use embedded::NotEmbeddable;
pub use engines::{
    Engines, Kafka, KafkaSecurity, Operations, OperationsPorts, Postgres, SaslMechanism, SomaBrain,
};
pub use mode::Mode;
pub use model::{Answers, ModelServer};
pub use problem::{ConfigError, Problem};
pub use secret::Secret;
pub use unknown::{Unknown, unknown};

use file::File;
use reader::Reader;

/// Where settings come from beside the file: the value of a variable.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The variables of this process. What is not UTF-8 is marked by U+FFFD, which no setting accepts.
pub fn process_env(variable: &str) -> Option<String> {
    std::env::var_os(variable).map(|value| value.to_string_lossy().into_owned())
}

/// All variables of this process, as pairs of name and value.
pub fn process_variables() -> impl Iterator<Item = (String, String)> {
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    std::env::vars_os().map(move |(name, value)| (text(name), text(value)))
}

/// The settings of the services, whatever their engines are. Of each: its variable, its place in the file, its default
/// and its range.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// `SOMA_AGENT_ENV`, `service.mode`: `DEV` (default), `STAGING` or `PROD`.
    pub mode: Mode,
    /// `SOMA_TENANT_ID`, `service.tenant`: whose data is read and written without a login. Default
    /// `public`.
    pub tenant: TenantId,
    /// `SOMA_DRAIN_SECONDS`, `service.drain_seconds`: how long work in hand may take at shutdown.
    /// Default 10, from 0 to 3600.
    pub drain: Duration,
    /// `SOMA_BIND`, `gateway.bind`: the address to listen on. Default `127.0.0.1`.
    pub bind: IpAddr,
    /// `GATEWAY_PORT`, `gateway.port`: the port to listen on; 0 takes any free one. Default 20016.
    pub port: u16,
    /// `SOMA_HOSTS`, `gateway.hosts`: the names by which clients reach it besides this machine's own,
    /// such as that of a reverse proxy. Pages of these hosts may ask it, too. Default none.
    pub hosts: Vec<String>,
    /// `SOMA_RATE_PER_MINUTE`, `gateway.rate_per_minute`: requests of a tenant per minute; 0 is
    /// without limit. Default 0.
    pub rate_per_minute: Option<NonZeroU32>,
    /// How much may wait before more is refused: `SOMA_MAX_WAITING_PER_SESSION`,
    /// `gateway.max_waiting_per_session`, default 32; `SOMA_MAX_WAITING_PER_TENANT`,
    /// `gateway.max_waiting_per_tenant`, default 1000; `SOMA_MAX_WAITING`, `gateway.max_waiting`,
    /// default 10000; `SOMA_MAX_WAIT_SECONDS`, `gateway.max_wait_seconds`, default 60.
    pub backlog: BacklogLimits,
    /// `SOMA_DATA`, `data.folder`: the folder of all data of the embedded product. Default
    /// `$XDG_DATA_HOME/soma` or `~/.local/share/soma`. Empty where [`Engines`] keep the data.
    pub data: PathBuf,
    /// `SOMA_LOG_RETENTION_HOURS`, `data.log_retention_hours`: how long the event log keeps its
    /// records. Default 168, from 1.
    pub log_retention: Duration,
    /// The language model's server; none is the offline model.
    pub model: Option<ModelServer>,
    /// How answers are made, whatever the server.
    pub answers: Answers,
    /// `BUDGET_LIMIT_TOKENS`, `budget.limit_tokens`: tokens per tenant and persona and UTC day; 0 is
    /// without limit. Default 0.
    pub budget_limit: Option<Tokens>,
    /// `SOMA_WORKER_CONCURRENCY`, `worker.concurrency`: turns that run at once. Default 64, from 1 to
    /// 10000.
    pub worker_concurrency: NonZeroUsize,
    /// `SOMA_TENANT_CONCURRENCY`, `worker.tenant_concurrency`: turns of one tenant that run at once.
    /// Default 64, from 1 to 10000.
    pub tenant_concurrency: NonZeroUsize,
    /// `POLICY_BUNDLE`, `policy.bundle`: a folder of Rego files; none is the platform's own policy.
    pub policy_bundle: Option<PathBuf>,
    /// `LOG_LEVEL`, `log.level`: `off`, `error`, `warn`, `info` (default), `debug` or `trace`, and
    /// after a comma levels of parts, as in `info,soma_sqlite=debug`.
    pub log: Targets,
}

impl Config {
    /// Reads the environment and the file.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] lists everything that is missing or wrong.
    pub fn load(env: Env<'_>) -> Result<Self, ConfigError> {
        Self::read(Reader::new(env, File::find(env)))
    }

    /// Reads the environment and `toml`, the text of a file.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] lists everything that is missing or wrong.
    pub fn of(env: Env<'_>, toml: &str) -> Result<Self, ConfigError> {
        Self::read(Reader::new(env, File::parse("soma.toml", toml)))
    }

    fn read(mut reader: Reader<'_>) -> Result<Self, ConfigError> {
        let data = data::folder(&mut reader);
        let config = Self::parts(&mut reader, data);
        reader.finish(config)
    }

    fn parts(reader: &mut Reader<'_>, data: PathBuf) -> Option<Self> {
        let mode = reader.or(setting::MODE, Mode::Dev, parse::text);
        let public = || TenantId::new("public").ok();
        let tenant = reader.optional(setting::TENANT, parse::text).or_else(public);
        let model = model::server(reader, mode);
        let answers = Answers::read(reader);
        let (drain, retention) = (
            reader.or(setting::DRAIN, 10, |text| parse::within(text, 0..=3600)),
            reader.or(setting::RETENTION, 168, |text| parse::within(text, 1..=876_000)),
        );
        let backlog = backlog(reader);
        let info = Targets::new().with_default(LevelFilter::INFO);
        tenant.map(|tenant| Self {
            mode,
            tenant,
            drain: Duration::from_secs(drain),
            bind: reader.or(setting::BIND, IpAddr::V4(Ipv4Addr::LOCALHOST), parse::text),
            port: reader.or(setting::PORT, 20016, parse::text),
            hosts: reader.optional(setting::HOSTS, parse::hosts).unwrap_or_default(),
            rate_per_minute: NonZeroU32::new(reader.or(setting::RATE, 0, parse::text)),
            backlog,
            data,
            log_retention: Duration::from_hours(retention),
            model,
            answers,
            budget_limit: reader.optional(setting::BUDGET, parse::text).filter(|limit| *limit > 0),
            worker_concurrency: concurrency(reader, setting::WORKER_CONCURRENCY),
            tenant_concurrency: concurrency(reader, setting::TENANT_CONCURRENCY),
            policy_bundle: reader.optional(setting::POLICY_BUNDLE, parse::path),
            log: reader.or(setting::LOG_LEVEL, info, parse::log_level),
        })
    }
}

fn backlog(reader: &mut Reader<'_>) -> BacklogLimits {
    let usual = BacklogLimits::default();
    let many = |text: &str| parse::within(text, 1..=1_000_000);
    let seconds = |text: &str| parse::within(text, 1..=86_400);
    BacklogLimits {
        per_session: reader.or(setting::SESSION_BACKLOG, usual.per_session, many),
        per_tenant: reader.or(setting::TENANT_BACKLOG, usual.per_tenant, many),
        in_all: reader.or(setting::BACKLOG, usual.in_all, many),
        wait: Duration::from_secs(reader.or(setting::WAIT, usual.wait.as_secs(), seconds)),
    }
}

fn concurrency(reader: &mut Reader<'_>, setting: setting::Setting) -> NonZeroUsize {
    const MOST: usize = 10_000;
    const DEFAULT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(63);
    reader.or(setting, DEFAULT, |text| {
        parse::text(text).filter(|number: &NonZeroUsize| number.get() <= MOST)
    })
}
