//! SASL and TLS, on a broker that asks for them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use soma_core::outbox::message::Record;
use soma_core::outbox::topic::Topic;
use soma_core::ports::log::Fetched;
use soma_core::ports::{Log, PortError};
use soma_core::time::Timestamp;
use soma_kafka::{KafkaLog, KafkaSettings, Mechanism, Sasl, Tls};

use crate::common;
use crate::java::jars;
use crate::own::{Broker, More, folder, ports};

const TOPIC: Topic = Topic::MemoryWal;
const USER: &str = "alice";
const PASSWORD: &str = "in wonderland";

/// A broker that lets in one user only.
struct Guarded {
    /// With SASL.
    sasl: String,
    /// With SASL and TLS, for `localhost`.
    sasl_tls: String,
    /// The certificate of the listener with TLS, as PEM.
    certificate: Vec<u8>,
    _broker: Broker,
}

impl Guarded {
    async fn start(jars: &Path, name: &str) -> Self {
        let folder = folder(name);
        make_certificate(&folder);
        let [sasl, tls] = ports();
        let (sasl, sasl_tls) = (format!("127.0.0.1:{sasl}"), format!("localhost:{tls}"));
        let scram = |bits| format!("SCRAM-SHA-{bits}=[name={USER},password={PASSWORD}]");
        let more = More {
            listeners: format!(",SASL://{sasl},TLS://{sasl_tls}"),
            protocols: ",SASL:SASL_PLAINTEXT,TLS:SASL_SSL".into(),
            properties: properties(),
            format: [256, 512].into_iter().flat_map(|n| ["--add-scram".into(), scram(n)]).collect(),
        };
        let broker = Broker::start_in(jars, &folder, more).await;
        let certificate = fs::read(folder.join("certificate.pem")).unwrap();
        Self { sasl, sasl_tls, certificate, _broker: broker }
    }
}

fn make_certificate(folder: &Path) {
    let store = ["-storetype", "PKCS12", "-keystore", "keys.p12", "-storepass", PASSWORD];
    let name = ["-dname", "CN=localhost", "-ext", "san=dns:localhost"];
    let make = [&["-genkeypair", "-keyalg", "RSA"], &name[..]].concat();
    let export = vec!["-exportcert", "-rfc", "-file", "certificate.pem"];
    for command in [make, export] {
        let mut keytool = Command::new("keytool");
        let output = keytool.current_dir(folder).args(command).args(store).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}

fn properties() -> String {
    let modules = "org.apache.kafka.common.security";
    let mut text = format!(
        "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.tls.ssl.keystore.location=keys.p12
listener.name.tls.ssl.keystore.type=PKCS12
listener.name.tls.ssl.keystore.password={PASSWORD}
"
    );
    for listener in ["sasl", "tls"] {
        for (mechanism, module, users) in [
            ("plain", "plain.PlainLoginModule", format!(" user_{USER}=\"{PASSWORD}\"")),
            ("scram-sha-256", "scram.ScramLoginModule", String::new()),
            ("scram-sha-512", "scram.ScramLoginModule", String::new()),
        ] {
            let name = format!("listener.name.{listener}.{mechanism}.sasl.jaas.config");
            writeln!(text, "{name}={modules}.{module} required{users};").unwrap();
        }
    }
    text
}

fn sasl(mechanism: Mechanism, password: &str) -> Sasl {
    Sasl { mechanism, user: USER.into(), password: password.into() }
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
    let Some(jars) = jars() else { return };
    let broker = Guarded::start(&jars, "guarded").await;
    let tls = Tls { authorities: Some(broker.certificate.clone()) };

    for mechanism in [Mechanism::Plain, Mechanism::ScramSha256, Mechanism::ScramSha512] {
        for (address, tls) in [(&broker.sasl, None), (&broker.sasl_tls, Some(tls.clone()))] {
            let settings = KafkaSettings { tls, ..common::settings(address) };
            let right = KafkaSettings { sasl: Some(sasl(mechanism, PASSWORD)), ..settings.clone() };
            try_out(&common::connect(right).await).await;

            let wrong = KafkaSettings { sasl: Some(sasl(mechanism, "guessed")), ..settings };
            let error = KafkaLog::connect(wrong).await.unwrap_err();
            assert!(matches!(error, PortError::Unavailable(_)), "{mechanism:?}: {error}");
            let told = error.to_string();
            assert!(told.contains("asl") && !told.contains("guessed"), "{mechanism:?}: {told}");
        }
    }

    let settings = KafkaSettings {
        tls: Some(Tls::default()),
        sasl: Some(sasl(Mechanism::Plain, PASSWORD)),
        ..common::settings(&broker.sasl_tls)
    };
    let error = KafkaLog::connect(settings).await.unwrap_err();
    assert!(error.to_string().contains("certificate"), "no certificate is asked for: {error}");
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
