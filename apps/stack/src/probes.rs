//! How the engines do, as this process sees it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use soma_core::flows::stop::Stop;
use soma_core::flows::world::World;
use soma_core::outbox::topic::Topic;
use soma_core::ports::Log;
use soma_core::time::Timestamp;
use soma_kafka::KafkaLog;
use soma_postgres::Database;
use soma_redis::Redis;
use soma_runtime::report::chain;
use soma_services::Unit;
use soma_web::{ComponentHealth, HealthStatus};

use crate::engines::Helpers;

/// How often the engines are looked at.
const LOOK: Duration = Duration::from_secs(2);
/// How long an engine may be away before a process that can do without it for a while is not ready.
const GRACE: Duration = Duration::from_secs(30);

const POSTGRES: &str = "PostgreSQL";
const KAFKA: &str = "Kafka";
const REDIS: &str = "Redis";
const OPA: &str = "OPA";
const SOMABRAIN: &str = "SomaBrain";

/// What is known of each engine.
#[derive(Default)]
pub(crate) struct Probes {
    seen: Mutex<BTreeMap<&'static str, Away>>,
}

/// An engine that does not answer.
struct Away {
    /// None while the process waits for it before it starts.
    since: Option<Timestamp>,
    why: String,
}

/// The engines of a process that has started.
pub(crate) struct Engines {
    pub(crate) database: Arc<Database>,
    pub(crate) log: Arc<KafkaLog>,
    pub(crate) redis: Arc<Redis>,
    pub(crate) helpers: Helpers,
}

impl Probes {
    /// The process cannot start without this engine.
    pub(crate) fn wait_for(&self, engine: &'static str, why: String) {
        self.seen().insert(engine, Away { since: None, why });
    }

    /// All that the process waited for is there.
    pub(crate) fn started(&self) {
        self.seen().clear();
    }

    /// Looks at the engines until `stop`.
    pub(crate) async fn look(&self, engines: &Engines, world: &World, stop: &Stop) {
        while !stop.is_set() {
            let database = engines.database.check().await;
            self.note(POSTGRES, world, database.map_err(|error| chain(&error)));
            let bounds = engines.log.bounds(Topic::ConversationInbound, 0).await;
            self.note(KAFKA, world, bounds.map(|_| ()).map_err(|error| chain(&error)));
            let ping = engines.redis.ping().await;
            self.note(REDIS, world, ping.map_err(|error| chain(&error)));
            if let Some(opa) = &engines.helpers.opa {
                self.note(OPA, world, opa.check().await.map_err(|error| chain(&error)));
            }
            let memory = engines.helpers.memory.check().await;
            self.note(SOMABRAIN, world, memory.map_err(|error| chain(&error)));
            world.pause(LOOK, stop).await;
        }
    }

    fn note(&self, engine: &'static str, world: &World, told: Result<(), String>) {
        let mut seen = self.seen();
        match told {
            Ok(()) => {
                if seen.remove(engine).is_some() {
                    tracing::info!(engine, "an engine is back");
                }
            }
            Err(why) => {
                let now = world.clock.now();
                let since = seen.get(engine).and_then(|away| away.since).unwrap_or(now);
                if seen.insert(engine, Away { since: Some(since), why: why.clone() }).is_none() {
                    tracing::warn!(engine, error = why, "an engine is away");
                }
            }
        }
    }

    /// Why a service is not ready at this time, if it is not.
    pub(crate) fn not_ready(&self, unit: Unit, now: Timestamp) -> Option<String> {
        let seen = self.seen();
        let missing = seen.iter().find(|(engine, away)| match away.since {
            None => true,
            Some(_) if needs(unit, engine) => true,
            // Redis has stand-ins for all that it does, what is to be remembered waits, and whoever
            // cannot decide says so to each request.
            Some(since) => **engine == KAFKA && now.since(since) > GRACE,
        });
        missing.map(|(engine, away)| format!("{engine} is away: {}", away.why))
    }

    /// How each engine is, for people.
    pub(crate) fn components(&self, unit: Unit) -> BTreeMap<String, ComponentHealth> {
        let seen = self.seen();
        let of = |engine: &'static str| match seen.get(engine) {
            None => ComponentHealth::default(),
            Some(away) => ComponentHealth {
                status: if needs(unit, engine) {
                    HealthStatus::Down
                } else {
                    HealthStatus::Degraded
                },
                detail: Some(away.why.clone()),
                ..ComponentHealth::default()
            },
        };
        let names = [
            ("postgres", POSTGRES),
            ("kafka", KAFKA),
            ("redis", REDIS),
            ("policy", OPA),
            ("somabrain", SOMABRAIN),
        ];
        names.map(|(name, engine)| (name.to_owned(), of(engine))).into()
    }

    fn seen(&self) -> MutexGuard<'_, BTreeMap<&'static str, Away>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a service does nothing without an engine. A gateway accepts and shows without Kafka, and
/// memory sync writes on.
fn needs(unit: Unit, engine: &str) -> bool {
    match engine {
        POSTGRES => true,
        KAFKA => !matches!(unit, Unit::Gateway | Unit::MemorySync),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn away(since: Option<Timestamp>, engine: &'static str) -> Probes {
        let probes = Probes::default();
        probes.seen().insert(engine, Away { since, why: "connection refused".into() });
        probes
    }

    #[test]
    fn service_is_not_ready_without_what_it_needs() {
        let now = Timestamp::default();
        let ready = |unit, engine| away(Some(now), engine).not_ready(unit, now).is_none();

        assert!(Unit::ALL.iter().all(|unit| !ready(*unit, POSTGRES)));
        assert!(!ready(Unit::OutboxSync, KAFKA) && ready(Unit::Gateway, KAFKA));
        assert!(
            [REDIS, OPA, SOMABRAIN].iter().all(|it| Unit::ALL.iter().all(|unit| ready(*unit, it)))
        );
    }

    #[test]
    fn service_can_do_for_a_while_without_what_it_does_not_need() {
        let (since, late) = (Timestamp::default(), Timestamp::default() + GRACE * 2);

        assert!(away(Some(since), KAFKA).not_ready(Unit::Gateway, late).is_some());
        assert!(away(Some(since), REDIS).not_ready(Unit::Gateway, late).is_none());
    }

    #[test]
    fn service_that_waits_to_start_is_not_ready() {
        let now = Timestamp::default();

        let told = away(None, KAFKA).not_ready(Unit::Gateway, now).unwrap();

        assert!(told.contains("Kafka") && told.contains("refused"), "{told}");
    }
}
