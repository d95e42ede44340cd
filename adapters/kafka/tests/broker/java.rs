//! The Java client of Apache Kafka.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common;

/// The jars of Apache Kafka, the broker's and the client's.
pub(crate) fn jars() -> Option<PathBuf> {
    let jars = PathBuf::from(common::variable("SOMA_TEST_SERVERS")?).join("kafka/lib");
    assert!(jars.is_dir(), "{} has the jars of Kafka", jars.display());
    Some(jars)
}

/// Runs `Foreign.java` with a command for one topic. Returns what it prints.
pub(crate) fn foreign(
    jars: &Path,
    broker: &str,
    command: &str,
    topic: &str,
    rest: &[&str],
) -> String {
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/broker/Foreign.java");
    let output = Command::new("java")
        .args(["-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp"])
        .arg(jars.join("*"))
        .args([program, broker, command, topic])
        .args(rest)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command} {topic} {rest:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}
