//! SASL and TLS, on a broker that asks for them.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![expect(clippy::print_stderr, reason = "whoever runs the tests must see what was skipped")]

#[path = "common/broker.rs"]
mod broker;
#[path = "common/mod.rs"]
mod common;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use broker::{Broker, PASSWORD, USER};
use soma_core::outbox::message::Record;
use soma_core::outbox::topic::Topic;
use soma_core::ports::log::Fetched;
use soma_core::ports::{Log, PortError};
use soma_core::time::Timestamp;
use soma_kafka::{KafkaLog, KafkaSettings, Mechanism, Sasl, Tls};

const TOPIC: Topic = Topic::MemoryWal;

fn sasl(mechanism: Mechanism, password: &str) -> Option<Sasl> {
    Some(Sasl { mechanism, user: USER.into(), password: password.into() })
}

/// One record goes in, and comes out.
async fn try_out(log: &Arc<KafkaLog>) {
    let record = Record {
        key: "key".into(),
        value: vec![b'x'; 20_000].into(),
        headers: BTreeMap::new(),
        at: Timestamp::from_micros(1_762_171_200_000_000),
    };
    let first = log.publish(TOPIC, 0, vec![record.clone()]).await.unwrap();
    let fetched = log.fetch(TOPIC, 0, first, 1, Duration::ZERO).await.unwrap();
    let found = matches!(&fetched, Fetched::Records(found) if *found[0].record == record);
    assert!(found, "{fetched:?}");
}

#[tokio::test]
async fn client_is_let_in_by_each_mechanism_with_and_without_tls_and_not_with_a_wrong_password() {
    let Some(jars) = common::jars() else { return };
    let broker = Broker::start(&jars, "security").await;
    let tls = Tls { authorities: Some(broker.certificate()) };

    for mechanism in [Mechanism::Plain, Mechanism::ScramSha256, Mechanism::ScramSha512] {
        for (address, tls) in [(&broker.sasl, None), (&broker.sasl_tls, Some(tls.clone()))] {
            let settings = KafkaSettings { tls, ..KafkaSettings::new([address]) };
            let right = KafkaSettings { sasl: sasl(mechanism, PASSWORD), ..settings.clone() };
            try_out(&common::connect(right).await).await;

            let wrong = KafkaSettings { sasl: sasl(mechanism, "guessed"), ..settings };
            let error = KafkaLog::connect(wrong).await.unwrap_err();
            assert!(matches!(error, PortError::Unavailable(_)), "{mechanism:?}: {error}");
            let told = error.to_string();
            assert!(told.contains("asl") && !told.contains("guessed"), "{mechanism:?}: {told}");
        }
    }
}

#[tokio::test]
async fn broker_that_cannot_prove_who_it_is_gets_no_password() {
    let Some(jars) = common::jars() else { return };
    let broker = Broker::start(&jars, "stranger").await;
    let settings = KafkaSettings {
        tls: Some(Tls::default()),
        sasl: sasl(Mechanism::Plain, PASSWORD),
        ..KafkaSettings::new([&broker.sasl_tls])
    };

    let error = KafkaLog::connect(settings).await.unwrap_err();

    assert!(error.to_string().contains("certificate"), "{error}");
}

#[tokio::test]
async fn settings_that_are_of_no_use_are_refused() {
    let nobody = KafkaSettings::new(Vec::<String>::new());
    let tls = Some(Tls { authorities: Some(b"no certificate".to_vec()) });
    let untrusting = KafkaSettings { tls, ..KafkaSettings::new(["kafka:9092"]) };

    for settings in [nobody, untrusting] {
        let error = KafkaLog::connect(settings).await.unwrap_err();
        assert!(matches!(error, PortError::Broken { .. }), "{error}");
    }
}
