//! A log on the Kafka of the tests, in topics of its own.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use soma_kafka::{KafkaLog, KafkaSettings};
use tokio::runtime::Runtime;

/// The logs live in threads of their own, so that a test may block its own.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// What an environment variable of the tests says. Without it the test is skipped, but not in CI.
#[expect(clippy::disallowed_methods, reason = "tests are configured by the environment")]
pub(crate) fn variable(name: &str) -> Option<String> {
    let value = std::env::var(name).ok();
    if value.is_none() {
        assert!(std::env::var_os("CI").is_none(), "CI must have {name}");
        eprintln!("skipped: {name} is not set");
    }
    value
}

/// The broker of the tests.
pub(crate) fn broker() -> Option<String> {
    variable("SOMA_TEST_KAFKA")
}

/// Settings for topics that no other test has. A broker on a busy machine may take its time.
pub(crate) fn settings(broker: &str) -> KafkaSettings {
    KafkaSettings {
        topic_prefix: format!("test-{:016x}.", RandomState::new().hash_one(())),
        deadline: Duration::from_mins(1),
        ..KafkaSettings::new([broker])
    }
}

/// Connects, in threads that the test cannot block.
pub(crate) async fn connect(settings: KafkaSettings) -> Arc<KafkaLog> {
    RUNTIME.spawn(KafkaLog::connect(settings)).await.unwrap().unwrap()
}
