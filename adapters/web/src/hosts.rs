//! The names that a gateway answers to.
//!
//! Without a login, whoever reaches the port may speak. A web page that a person visits must not:
//! its requests name its own origin, or, after its name was pointed at this machine, its own host.

use std::collections::BTreeSet;

use actix_web::http::uri::Authority;

/// The names that a gateway answers to, with any port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedHosts(BTreeSet<String>);

/// A text that is no host name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a host name without scheme, port and path")]
pub struct BadHost(pub String);

impl Default for AllowedHosts {
    fn default() -> Self {
        Self(["localhost", "127.0.0.1", "[::1]"].map(str::to_owned).into())
    }
}

impl AllowedHosts {
    /// This machine's names for itself, and these.
    ///
    /// # Errors
    ///
    /// [`BadHost`] if one is no host name.
    pub fn with<'a>(more: impl IntoIterator<Item = &'a str>) -> Result<Self, BadHost> {
        let mut hosts = Self::default();
        for name in more {
            let (host, port) = split(name).ok_or_else(|| BadHost(name.into()))?;
            if port.is_some() {
                return Err(BadHost(name.into()));
            }
            hosts.0.insert(host);
        }
        Ok(hosts)
    }

    /// Whether the value of a `Host` header, `name` or `name:port`, is one of them.
    pub(crate) fn allow_host(&self, host: &str) -> bool {
        split(host).is_some_and(|(host, _)| self.0.contains(&host))
    }

    /// Whether the value of an `Origin` header, `scheme://name` or `scheme://name:port`, is of one
    /// of them.
    pub(crate) fn allow_origin(&self, origin: &str) -> bool {
        let rest = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        rest.is_some_and(|host| self.allow_host(host))
    }
}

fn split(text: &str) -> Option<(String, Option<u16>)> {
    let authority: Authority = text.parse().ok()?;
    if text.contains('@') || text.is_empty() {
        return None;
    }
    let host = authority.host();
    let port = match text.get(host.len()..)?.strip_prefix(':') {
        Some(port) => Some(port.parse().ok()?),
        None if text.len() == host.len() => None,
        None => return None,
    };
    Some((host.to_ascii_lowercase(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_names_are_allowed_with_any_port() {
        let hosts = AllowedHosts::with(["soma.example"]).unwrap();

        for host in
            ["localhost", "LOCALHOST:1", "127.0.0.1:20016", "[::1]", "[::1]:80", "soma.example:443"]
        {
            assert!(hosts.allow_host(host), "{host}");
            assert!(hosts.allow_origin(&format!("http://{host}")), "{host}");
            assert!(hosts.allow_origin(&format!("https://{host}")), "{host}");
        }
    }

    #[test]
    fn foreign_names_are_not() {
        let hosts = AllowedHosts::default();

        for host in [
            "",
            "evil.example",
            "localhost.evil.example",
            "evil.example:20016",
            "localhost@evil.example",
            "evil@localhost",
            "127.0.0.1.nip.io",
            "localhost:",
            "localhost:x",
            "localhost:99999",
            "localhost/",
            "::1",
            "0.0.0.0",
        ] {
            assert!(!hosts.allow_host(host), "{host:?}");
        }
        for origin in ["null", "", "localhost", "ftp://localhost", "http://evil.example", "http://"]
        {
            assert!(!hosts.allow_origin(origin), "{origin:?}");
        }
    }

    #[test]
    fn names_with_more_than_a_name_are_refused_when_configured() {
        for bad in ["", "http://a", "a:80", "a/b", "a b"] {
            assert_eq!(AllowedHosts::with([bad]), Err(BadHost(bad.into())));
        }
    }
}
