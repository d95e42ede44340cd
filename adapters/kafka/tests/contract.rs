//! The contract of the log, on a real Apache Kafka.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![expect(clippy::print_stderr, reason = "whoever runs the tests must see what was skipped")]

mod common;

use std::sync::Arc;

use async_trait::async_trait;
use soma_core::contract::Fixture;
use soma_core::ports::Log;
use soma_kafka::KafkaSettings;

/// Topics of one test.
struct Kafka {
    settings: KafkaSettings,
}

#[async_trait]
impl Fixture for Kafka {
    type Port = Arc<dyn Log>;
    const DURABLE: bool = true;

    async fn start() -> Option<Self> {
        Some(Self { settings: common::settings(&common::broker()?) })
    }

    async fn open(&self) -> Arc<dyn Log> {
        common::connect(self.settings.clone()).await
    }
}

soma_core::contract_tests!(log, Kafka);
