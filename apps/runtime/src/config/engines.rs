//! The engines that several processes share: where they are, and how to be let in.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use super::file::File;
use super::reader::Reader;
use super::{Config, ConfigError, Env, Mode, Secret, parse, setting};

/// Where the engines are that the six services share. Of each setting: its variable, its place in the
/// file, its default and its range.
#[derive(Clone, Debug, PartialEq)]
pub struct Engines {
    /// PostgreSQL, which holds what happened.
    pub postgres: Postgres,
    /// Apache Kafka, which carries what happens.
    pub kafka: Kafka,
    /// `REDIS_URL`, `redis.url`: Redis, which counts, limits and notifies. No default.
    pub redis: Secret,
    /// `OPA_URL`, `policy.opa_url`: the policy engine. Without one this process decides by the bundle,
    /// which only `DEV` allows.
    pub opa: Option<String>,
    /// SomaBrain, which remembers.
    pub somabrain: SomaBrain,
    /// Where health and metrics are served.
    pub operations: Operations,
}

/// PostgreSQL.
#[derive(Clone, Debug, PartialEq)]
pub struct Postgres {
    /// `POSTGRES_DSN`, `postgres.dsn`: its URL, with a role that is a member of `soma_service`. No
    /// default.
    pub dsn: Secret,
    /// `POSTGRES_OWNER_DSN`, `postgres.owner_dsn`: the same with the role that owns the schema, for
    /// migrations. Without it nobody migrates.
    pub owner_dsn: Option<Secret>,
    /// `POSTGRES_CA_FILE`, `postgres.ca_file`: a PEM file of the authorities to trust. By default the
    /// public ones.
    pub authorities: Option<PathBuf>,
    /// `PG_POOL_MAX_SIZE`, `postgres.connections`: the most connections of one process. Default 8,
    /// from 1 to 1000.
    pub connections: u32,
}

/// Apache Kafka.
#[derive(Clone, Debug, PartialEq)]
pub struct Kafka {
    /// `KAFKA_BOOTSTRAP_SERVERS`, `kafka.bootstrap_servers`: brokers as `host:port`, with commas
    /// between. No default.
    pub brokers: Vec<String>,
    /// `KAFKA_TOPIC_PREFIX`, `kafka.topic_prefix`: what stands before the names of topics. Default
    /// nothing.
    pub topic_prefix: String,
    /// `KAFKA_PARTITIONS`, `kafka.partitions`: how many partitions a topic gets that is made at start.
    /// Default 3, from 1 to 1000.
    pub partitions: u32,
    /// `KAFKA_SECURITY_PROTOCOL`, `kafka.security_protocol`: `PLAINTEXT` (default), `SSL`,
    /// `SASL_PLAINTEXT` or `SASL_SSL`.
    pub security: KafkaSecurity,
    /// `KAFKA_SSL_CAFILE`, `kafka.ca_file`: a PEM file of the authorities to trust. By default the
    /// public ones.
    pub authorities: Option<PathBuf>,
    /// `KAFKA_SASL_MECHANISM`, `kafka.sasl_mechanism`: `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`
    /// (default).
    pub mechanism: SaslMechanism,
    /// `KAFKA_SASL_USERNAME`, `kafka.sasl_username`. Needed with SASL.
    pub user: Option<String>,
    /// `KAFKA_SASL_PASSWORD`, `kafka.sasl_password`. Needed with SASL.
    pub password: Option<Secret>,
}

/// How connections to Kafka are protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KafkaSecurity {
    /// They are encrypted.
    pub is_encrypted: bool,
    /// Clients prove who they are, by SASL.
    pub is_authenticated: bool,
}

/// How a client of Kafka proves who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the mechanism of its name")]
pub enum SaslMechanism {
    Plain,
    ScramSha256,
    ScramSha512,
}

/// SomaBrain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SomaBrain {
    /// `SOMA_BASE_URL`, `somabrain.base_url`: its address, such as `http://brain:9696`. No default.
    pub base_url: String,
    /// `SOMA_API_KEY`, `somabrain.api_key`: its token, if it wants one. No default.
    pub api_key: Option<Secret>,
    /// `SOMA_MEMORY_NAMESPACE`, `somabrain.namespace`: its namespace of every memory. Default `wm`.
    pub namespace: String,
}

/// Where health and metrics of the processes are served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operations {
    /// `METRICS_HOST`, `service.metrics_host`: the address to listen on. Default `127.0.0.1`.
    pub host: IpAddr,
    /// The ports, each of a setting of its own: see [`setting`].
    pub ports: OperationsPorts,
}

/// The port of each service for health and metrics; 0 takes any free one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is that of the service of its name")]
pub struct OperationsPorts {
    pub gateway: u16,
    pub conversation_worker: u16,
    pub tool_executor: u16,
    pub memory_replicator: u16,
    pub memory_sync: u16,
    pub outbox_sync: u16,
}

impl Engines {
    /// Reads the environment and the file: the settings of the services, and of their engines.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] lists everything that is missing or wrong.
    pub fn load(env: Env<'_>) -> Result<(Config, Self), ConfigError> {
        Self::read(Reader::new(env, File::find(env)))
    }

    /// Reads the environment and `toml`, the text of a file.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] lists everything that is missing or wrong.
    pub fn of(env: Env<'_>, toml: &str) -> Result<(Config, Self), ConfigError> {
        Self::read(Reader::new(env, File::parse("soma.toml", toml)))
    }

    fn read(mut reader: Reader<'_>) -> Result<(Config, Self), ConfigError> {
        // What the services keep is in their engines.
        let config = Config::parts(&mut reader, PathBuf::new());
        let mode = config.as_ref().map_or(Mode::Dev, |config| config.mode);
        let engines = Self::parts(&mut reader, mode);
        reader.finish(config.zip(engines))
    }

    fn parts(reader: &mut Reader<'_>, mode: Mode) -> Option<Self> {
        if mode != Mode::Dev {
            let what = format!("{mode} requires authentication, which this release does not have");
            reader.problem(setting::MODE, &what);
        }
        let opa = reader.optional(setting::OPA_URL, parse::base_url);
        if mode != Mode::Dev && opa.is_none() && !reader.is_set(setting::OPA_URL) {
            reader.problem(setting::OPA_URL, &format!("must be set in {mode}"));
        }
        let operations = operations(reader);
        let (postgres, kafka) = (postgres(reader), kafka(reader));
        let redis = reader.required(setting::REDIS_URL, parse::connection);
        let somabrain = somabrain(reader);
        Some(Self {
            postgres: postgres?,
            kafka: kafka?,
            redis: redis.map(Secret::new)?,
            opa,
            somabrain: somabrain?,
            operations,
        })
    }
}

fn postgres(reader: &mut Reader<'_>) -> Option<Postgres> {
    let connections = reader.or(setting::PG_CONNECTIONS, 8, |text| parse::within(text, 1..=1000));
    let owner = reader.optional(setting::POSTGRES_OWNER_DSN, parse::connection);
    let authorities = reader.optional(setting::POSTGRES_CA, parse::path);
    Some(Postgres {
        dsn: Secret::new(reader.required(setting::POSTGRES_DSN, parse::connection)?),
        owner_dsn: owner.map(Secret::new),
        authorities,
        connections: u32::try_from(connections).unwrap_or(1),
    })
}

fn kafka(reader: &mut Reader<'_>) -> Option<Kafka> {
    let plain = KafkaSecurity { is_encrypted: false, is_authenticated: false };
    let security = reader.or(setting::KAFKA_SECURITY, plain, parse::kafka_security);
    let user = reader.optional(setting::KAFKA_USER, parse::model_name);
    let password = reader.optional(setting::KAFKA_PASSWORD, parse::connection);
    for (setting, is_there) in
        [(setting::KAFKA_USER, user.is_some()), (setting::KAFKA_PASSWORD, password.is_some())]
    {
        if security.is_authenticated && !is_there {
            reader.problem(setting, "must be set, as SASL is asked for");
        }
    }
    let mechanism = SaslMechanism::ScramSha512;
    let mechanism = reader.or(setting::KAFKA_MECHANISM, mechanism, parse::sasl_mechanism);
    let authorities = reader.optional(setting::KAFKA_CA, parse::path);
    let prefix = reader.optional(setting::KAFKA_PREFIX, parse::topic_prefix).unwrap_or_default();
    let partitions = reader.or(setting::KAFKA_PARTITIONS, 3, |text| parse::within(text, 1..=1000));
    Some(Kafka {
        brokers: reader.required(setting::KAFKA_BROKERS, parse::brokers)?,
        topic_prefix: prefix,
        partitions: u32::try_from(partitions).unwrap_or(1),
        security,
        authorities,
        mechanism,
        user,
        password: password.map(Secret::new),
    })
}

fn somabrain(reader: &mut Reader<'_>) -> Option<SomaBrain> {
    let api_key = reader.optional(setting::SOMABRAIN_KEY, parse::key).map(Secret::new);
    let namespace = reader.or(setting::SOMABRAIN_NAMESPACE, "wm".into(), parse::topic_prefix);
    let base_url = reader.required(setting::SOMABRAIN_URL, parse::base_url)?;
    Some(SomaBrain { base_url, api_key, namespace })
}

fn operations(reader: &mut Reader<'_>) -> Operations {
    Operations {
        host: reader.or(setting::METRICS_HOST, IpAddr::V4(Ipv4Addr::LOCALHOST), parse::text),
        ports: OperationsPorts {
            gateway: reader.or(setting::GATEWAY_METRICS, 9600, parse::text),
            conversation_worker: reader.or(setting::WORKER_METRICS, 9601, parse::text),
            tool_executor: reader.or(setting::EXECUTOR_METRICS, 9602, parse::text),
            memory_replicator: reader.or(setting::REPLICATOR_METRICS, 9603, parse::text),
            memory_sync: reader.or(setting::MEMORY_SYNC_METRICS, 9604, parse::text),
            outbox_sync: reader.or(setting::OUTBOX_SYNC_METRICS, 9415, parse::text),
        },
    }
}
