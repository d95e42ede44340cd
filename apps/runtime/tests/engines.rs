//! The settings of the engines that several processes share.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use soma_runtime::config::{Config, ConfigError, Engines, KafkaSecurity, SaslMechanism};

/// What a service cannot do without.
const NEEDED: [(&str, &str); 4] = [
    ("POSTGRES_DSN", "postgres://soma:hunter2@db/soma"),
    ("KAFKA_BOOTSTRAP_SERVERS", "one:9092, two:9092"),
    ("REDIS_URL", "redis://:hunter2@redis:6379"),
    ("SOMA_BASE_URL", "http://brain:9696/"),
];

/// Reads `variables`, where there is no home.
fn read(variables: &[(&str, &str)]) -> Result<(Config, Engines), ConfigError> {
    let env = |name: &str| {
        let found = variables.iter().find(|(variable, _)| *variable == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    Engines::of(&env, "")
}

fn with(more: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    NEEDED.into_iter().chain(more.iter().copied()).collect()
}

fn problems(variables: &[(&str, &str)]) -> Vec<String> {
    read(variables).unwrap_err().problems.iter().map(ToString::to_string).collect()
}

#[test]
fn everything_that_is_missing_is_listed_at_once() {
    let problems = problems(&[]);

    for (variable, _) in NEEDED {
        let named = |problem: &String| problem.starts_with(variable) && problem.contains("must be");
        assert!(problems.iter().any(named), "{variable}: {problems:?}");
    }
    assert_eq!(problems.len(), NEEDED.len(), "{problems:?}");
}

#[test]
fn what_is_needed_is_enough() {
    let (_, engines) = read(&NEEDED).unwrap();

    assert_eq!(engines.kafka.brokers, ["one:9092", "two:9092"]);
    assert_eq!((engines.kafka.partitions, engines.postgres.connections), (3, 8));
    assert_eq!(engines.somabrain.base_url, "http://brain:9696");
    assert_eq!((engines.opa, engines.postgres.owner_dsn), (None, None));
    assert_eq!(engines.operations.ports.outbox_sync, 9415);
}

#[test]
fn secrets_are_in_no_debug_text() {
    let (_, engines) = read(&with(&[("KAFKA_SASL_PASSWORD", "hunter2")])).unwrap();

    assert!(!format!("{engines:?}").contains("hunter2"));
}

#[test]
fn sasl_needs_a_name_and_a_password() {
    let sasl = [("KAFKA_SECURITY_PROTOCOL", "SASL_SSL")];
    let named = [
        sasl[0],
        ("KAFKA_SASL_USERNAME", "ada"),
        ("KAFKA_SASL_PASSWORD", "hunter2"),
        ("KAFKA_SASL_MECHANISM", "PLAIN"),
    ];

    let problems = problems(&with(&sasl));
    let (_, engines) = read(&with(&named)).unwrap();

    assert_eq!(problems.len(), 2, "{problems:?}");
    let security = KafkaSecurity { is_encrypted: true, is_authenticated: true };
    assert_eq!((engines.kafka.security, engines.kafka.mechanism), (security, SaslMechanism::Plain));
}

#[test]
fn outside_dev_a_service_does_not_start_without_login_and_policy_engine() {
    let problems = problems(&with(&[("SOMA_AGENT_ENV", "PROD")]));

    assert!(problems.iter().any(|it| it.contains("authentication")), "{problems:?}");
    assert!(problems.iter().any(|it| it.starts_with("OPA_URL")), "{problems:?}");
}

#[test]
fn broker_is_a_host_with_a_port() {
    for wrong in ["kafka", "kafka:0", "kafka:x", ":9092", "http://kafka:9092", "a:1,,b:2"] {
        let mut variables = NEEDED;
        variables[1].1 = wrong;
        assert_eq!(problems(&variables).len(), 1, "{wrong}");
    }
}
