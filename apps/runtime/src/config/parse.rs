//! What the text of a value may be.

use std::net::Ipv6Addr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;

use tracing_subscriber::filter::Targets;

use super::engines::{KafkaSecurity, SaslMechanism};

/// Anything that reads itself from text.
pub(super) fn text<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

/// A whole number in a range.
pub(super) fn within(text: &str, range: RangeInclusive<u64>) -> Option<u64> {
    text.parse().ok().filter(|number| range.contains(number))
}

/// A path.
pub(super) fn path(text: &str) -> Option<PathBuf> {
    is_legible(text).then(|| text.into())
}

/// Names of hosts as they stand in addresses, an IPv6 address with or without its brackets.
pub(super) fn hosts(text: &str) -> Option<Vec<String>> {
    text.split(',').map(str::trim).map(host).collect()
}

fn host(name: &str) -> Option<String> {
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    if bare.parse::<Ipv6Addr>().is_ok() {
        return Some(format!("[{bare}]"));
    }
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    (!name.is_empty() && name.bytes().all(fits)).then(|| name.to_ascii_lowercase())
}

/// A sampling temperature, in thousandths.
pub(super) fn temperature(text: &str) -> Option<u32> {
    let number: f64 = text.parse().ok()?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "from 0 to 2000, by the range"
    )]
    (0.0..=2.0).contains(&number).then(|| (number * 1000.0).round() as u32)
}

/// The name of a model.
pub(super) fn model_name(text: &str) -> Option<String> {
    is_legible(text).then(|| text.into())
}

/// Names of models with commas between them.
pub(super) fn model_names(text: &str) -> Option<Vec<String>> {
    text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(model_name).collect()
}

fn is_legible(text: &str) -> bool {
    !text.chars().any(|char| char.is_control() || char == char::REPLACEMENT_CHARACTER)
}

/// A key, as it fits in a header.
pub(super) fn key(text: &str) -> Option<String> {
    text.bytes().all(|byte| byte.is_ascii_graphic()).then(|| text.into())
}

/// The address of a model server, without a slash at its end.
pub(super) fn base_url(text: &str) -> Option<String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let host = rest.split('/').next().filter(|host| !host.is_empty())?;
    let fits = text.bytes().all(|byte| byte.is_ascii_graphic())
        && !text.contains(['?', '#', '\\'])
        && !host.contains('@')
        && !host.starts_with(':');
    fits.then(|| text.trim_end_matches('/').into())
}

/// What a connection is made by, as a URL with its password, or a password. Each library reads it by
/// itself.
pub(super) fn connection(text: &str) -> Option<String> {
    is_legible(text).then(|| text.into())
}

/// Brokers with commas between them.
pub(super) fn brokers(text: &str) -> Option<Vec<String>> {
    text.split(',').map(str::trim).map(broker).collect()
}

fn broker(text: &str) -> Option<String> {
    let (host, port) = text.rsplit_once(':')?;
    let is_port = port.parse::<u16>().is_ok_and(|port| port > 0);
    (is_port && self::host(host).is_some()).then(|| text.into())
}

/// What stands before the name of a topic, or the name of a namespace.
pub(super) fn topic_prefix(text: &str) -> Option<String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (text.len() <= 100 && text.bytes().all(fits)).then(|| text.into())
}

/// How connections to Kafka are protected.
pub(super) fn kafka_security(text: &str) -> Option<KafkaSecurity> {
    let (is_encrypted, is_authenticated) = match text {
        "PLAINTEXT" => (false, false),
        "SSL" => (true, false),
        "SASL_PLAINTEXT" => (false, true),
        "SASL_SSL" => (true, true),
        _ => return None,
    };
    Some(KafkaSecurity { is_encrypted, is_authenticated })
}

/// A mechanism of SASL.
pub(super) fn sasl_mechanism(text: &str) -> Option<SaslMechanism> {
    match text {
        "PLAIN" => Some(SaslMechanism::Plain),
        "SCRAM-SHA-256" => Some(SaslMechanism::ScramSha256),
        "SCRAM-SHA-512" => Some(SaslMechanism::ScramSha512),
        _ => None,
    }
}

/// A level, then levels of parts: each must say its level, or a typing error would be a part.
pub(super) fn log_level(text: &str) -> Option<Targets> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let said = text.split(',').all(|part| {
        let level = part.rsplit('=').next().unwrap_or_default().trim();
        LEVELS.iter().any(|name| name.eq_ignore_ascii_case(level))
    });
    if said { text.parse().ok() } else { None }
}
