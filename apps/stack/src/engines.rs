//! The adapters of the engines.

use std::path::Path;
use std::sync::Arc;

use soma_assembly::{Provider, model, platform_policy};
use soma_core::flows::world::World;
use soma_core::ids::OwnerId;
use soma_core::ports::{Memory, Wake};
use soma_inproc::{InprocBudget, InprocRateLimit, InprocWake};
use soma_kafka::{KafkaLog, KafkaSettings, Mechanism, Sasl, Tls};
use soma_policy::{OpaConfig, OpaPolicy};
use soma_postgres::{
    Database, PostgresDeadLetters, PostgresDecisions, PostgresLeases, PostgresMemoryQueue,
    PostgresOutbox, PostgresReplica, PostgresStore, PostgresUsageLedger, PostgresWork,
};
use soma_redis::{Options, Redis, RedisBudget, RedisRateLimit, RedisWake};
use soma_runtime::config::{Config, Engines, Kafka, SaslMechanism};
use soma_runtime::report::Fatal;
use soma_services::Ports;
use soma_somabrain::{ApiKey, SomaBrainConfig, SomaBrainMemory};
use soma_tokio::{RandomIds, SystemClock, TokioSpawner, TokioTimer};
use tokio::runtime::Handle;

/// What notifies the neighbours: within this process at once, and others through Redis.
pub(crate) struct Neighbours {
    pub(crate) redis: Arc<Redis>,
    pub(crate) wake: Arc<RedisWake>,
    pub(crate) world: World,
}

impl Neighbours {
    /// Nothing is connected before it is needed.
    pub(crate) fn open(engines: &Engines, spawner: &TokioSpawner) -> Result<Self, Fatal> {
        let redis = Redis::new(engines.redis.expose(), Options::default(), Arc::new(SystemClock))
            .map_err(|error| Fatal::new(error, "correct REDIS_URL"))?;
        let redis = Arc::new(redis);
        let ids = RandomIds::new(Arc::new(SystemClock));
        let origin = OwnerId::from_uuid(soma_core::ports::Ids::uuid(&ids));
        let timer = Arc::new(TokioTimer) as _;
        let local = Arc::new(InprocWake::new());
        let wake = Arc::new(RedisWake::start(&redis, local, origin, &timer, &Handle::current()));
        let world = soma_tokio::world(spawner, Arc::clone(&wake) as Arc<dyn Wake>);
        Ok(Self { redis, wake, world })
    }
}

/// The settings of PostgreSQL for this process, by the URL of a role.
pub(crate) fn postgres(engines: &Engines, dsn: &str, name: &str) -> soma_postgres::Settings {
    let postgres = &engines.postgres;
    soma_postgres::Settings {
        authorities: postgres.authorities.clone(),
        application: name.into(),
        connections: postgres.connections.try_into().unwrap_or(usize::MAX),
        ..soma_postgres::Settings::new(dsn)
    }
}

/// The settings of Kafka for this process.
pub(crate) fn kafka(engines: &Engines, name: &str) -> Result<KafkaSettings, Fatal> {
    let kafka = &engines.kafka;
    let authorities = kafka.authorities.as_deref().map(read).transpose()?;
    Ok(KafkaSettings {
        topic_prefix: kafka.topic_prefix.clone(),
        partitions: kafka.partitions,
        client_id: name.into(),
        tls: kafka.security.is_encrypted.then_some(Tls { authorities }),
        sasl: kafka.security.is_authenticated.then(|| sasl(kafka)),
        ..KafkaSettings::new(kafka.brokers.iter())
    })
}

fn sasl(kafka: &Kafka) -> Sasl {
    Sasl {
        mechanism: match kafka.mechanism {
            SaslMechanism::Plain => Mechanism::Plain,
            SaslMechanism::ScramSha256 => Mechanism::ScramSha256,
            SaslMechanism::ScramSha512 => Mechanism::ScramSha512,
        },
        user: kafka.user.clone().unwrap_or_default(),
        password: kafka.password.as_ref().map(|secret| secret.expose().into()).unwrap_or_default(),
    }
}

fn read(file: &Path) -> Result<Vec<u8>, Fatal> {
    std::fs::read(file).map_err(|error| {
        let error = std::io::Error::new(error.kind(), format!("{}: {error}", file.display()));
        Fatal::new(error, "correct KAFKA_SSL_CAFILE")
    })
}

/// The services of others that the ports speak with, besides the engines that keep something.
pub(crate) struct Helpers {
    pub(crate) memory: Arc<SomaBrainMemory>,
    /// None if policies are decided in this process.
    pub(crate) opa: Option<Arc<OpaPolicy>>,
}

/// Every port of the services, how the language model does, and who else is asked.
pub(crate) fn ports(
    (config, engines): (&Config, &Engines),
    neighbours: &Neighbours,
    database: &Arc<Database>,
    log: Arc<KafkaLog>,
) -> Result<(Ports, Arc<Provider>, Helpers), Fatal> {
    let Neighbours { redis, world, .. } = neighbours;
    let clock = Arc::clone(&world.clock);
    let helpers = Helpers { memory: somabrain(engines, world)?, opa: opa(engines)? };
    let memory: Arc<dyn Memory> = Arc::clone(&helpers.memory) as _;
    let tools =
        soma_tools::registry(Arc::clone(&clock), Arc::clone(&world.timer), Arc::clone(&memory));
    let usage = Arc::new(PostgresUsageLedger::new(Arc::clone(database)));
    let alone = Arc::new(InprocBudget::new(Arc::clone(&usage) as _));
    let budget = RedisBudget::new(Arc::clone(redis), Arc::clone(&usage) as _, alone);
    let alone = Arc::new(InprocRateLimit::new(Arc::clone(&clock)));
    let (model, provider) = model(config, world)?;
    let ports = Ports {
        store: Arc::new(PostgresStore::new(Arc::clone(database), Arc::clone(&world.spawner))),
        work: Arc::new(PostgresWork::new(Arc::clone(database))),
        leases: Arc::new(PostgresLeases::new(Arc::clone(database))),
        outbox: Arc::new(PostgresOutbox::new(Arc::clone(database))),
        dead_letters: Arc::new(PostgresDeadLetters::new(Arc::clone(database))),
        decisions: Arc::new(PostgresDecisions::new(Arc::clone(database))),
        memory_queue: Arc::new(PostgresMemoryQueue::new(Arc::clone(database))),
        replica: Arc::new(PostgresReplica::new(Arc::clone(database))),
        usage,
        budget: Arc::new(budget),
        log,
        memory,
        policy: match &helpers.opa {
            Some(opa) => Arc::clone(opa) as _,
            None => Arc::new(platform_policy(config)?),
        },
        model,
        tools: Arc::new(tools),
        limits: Arc::new(RedisRateLimit::new(Arc::clone(redis), clock, alone)),
    };
    Ok((ports, provider, helpers))
}

fn opa(engines: &Engines) -> Result<Option<Arc<OpaPolicy>>, Fatal> {
    let policy = engines.opa.as_ref().map(|url| OpaPolicy::new(&OpaConfig::at(url)));
    let policy = policy.transpose().map_err(|error| Fatal::new(error, "correct OPA_URL"))?;
    Ok(policy.map(Arc::new))
}

fn somabrain(engines: &Engines, world: &World) -> Result<Arc<SomaBrainMemory>, Fatal> {
    let settings = &engines.somabrain;
    let config = SomaBrainConfig {
        api_key: settings.api_key.as_ref().map(|key| ApiKey::new(key.expose())),
        namespace: settings.namespace.clone(),
        ..SomaBrainConfig::new(&settings.base_url)
    };
    let memory = SomaBrainMemory::new(&config, Arc::clone(&world.clock))
        .map_err(|error| Fatal::new(error, "correct SOMA_BASE_URL"))?;
    Ok(Arc::new(memory))
}
