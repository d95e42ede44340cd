//! How to get to a database, and how long to wait for it.

use std::path::PathBuf;
use std::time::Duration;

use soma_core::ports::error::Source;

/// How to get to a database.
#[derive(Clone)]
pub struct Settings {
    /// `postgres://user:password@host:port/name`, as libpq reads it, or its `key=value` form. With
    /// `sslmode=require` connections are encrypted and the server must prove its name; else they are
    /// not encrypted. The user is a member of the role `soma_service`.
    pub url: String,
    /// A PEM file of the authorities that may vouch for the server, in place of the public ones.
    pub authorities: Option<PathBuf>,
    /// What the server's list of connections calls this process.
    pub application: String,
    /// The most connections at a time; at least 1.
    pub connections: usize,
    /// The longest to wait for a free one.
    pub wait: Duration,
    /// The longest to wait until one is made.
    pub connect: Duration,
    /// The longest that a statement may take; the server stops it after that.
    pub statement: Duration,
}

soma_core::opaque_debug!(Settings);

impl Settings {
    /// A database by its URL: eight connections, five seconds to get or to make one, ten for a
    /// statement.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            authorities: None,
            application: "soma".into(),
            connections: 8,
            wait: Duration::from_secs(5),
            connect: Duration::from_secs(5),
            statement: Duration::from_secs(10),
        }
    }

    /// The longest that an answer is waited for: the server should say first that it gives up.
    pub(super) fn patience(&self) -> Duration {
        self.statement + Duration::from_secs(2)
    }
}

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A setting makes no sense.
    #[error("{setting}: {reason}")]
    Setting {
        /// Which.
        setting: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// It does not answer, or not as it should; that may pass.
    #[error("the database cannot be reached")]
    Unreachable(#[source] Source),
    /// It is not at the schema of this build, which a migration brings it to; or it is newer.
    #[error("the schema of the database is at version {found}, and this build knows {known}")]
    Schema {
        /// The version that it is at; 0 if it has no schema.
        found: i32,
        /// The version of this build.
        known: i32,
    },
    /// The role that connects is not kept to its tenants: it owns the tables, or is a superuser.
    #[error(
        "the role that connects may see rows of every tenant: connect as a member of soma_service"
    )]
    Unprotected,
    /// A migration failed, and was undone.
    #[error("the database cannot be migrated")]
    Migration(#[source] Source),
}
