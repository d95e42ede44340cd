//! Connections: how they are made, and what each is told before it is used.

use std::fs;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::config::SslMode;
use tokio_postgres::{Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::settings::{OpenError, Settings};

/// The longest that a transaction may wait for what its process does next.
const IDLE_IN_TRANSACTION: Duration = Duration::from_secs(10);
/// The longest that sent bytes may stay without an acknowledgement before the connection is given up.
const UNACKNOWLEDGED: Duration = Duration::from_secs(10);

/// The role that owns nothing, and is kept to the tenants of its transactions.
const ROLE: &str = "soma_service";

/// What every connection is told. Every read of ours has an index, and statistics of queues that are
/// empty at one moment and full at the next mislead the planner to read, sort or hash whole tables.
const PLANNER: &str = "-c enable_seqscan=off -c enable_bitmapscan=off -c enable_hashjoin=off \
                       -c enable_mergejoin=off -c plan_cache_mode=force_generic_plan -c jit=off";

/// A pool of connections of the services.
pub(super) fn pool(settings: &Settings) -> Result<Pool, OpenError> {
    let options = format!(
        "-c role={ROLE} -c statement_timeout={} -c idle_in_transaction_session_timeout={} {PLANNER}",
        settings.statement.as_millis(),
        IDLE_IN_TRANSACTION.as_millis(),
    );
    build(settings, &options, settings.connections)
}

/// One connection as the owner, for migrations: they may take their time.
pub(super) fn owner(settings: &Settings) -> Result<Pool, OpenError> {
    build(settings, "-c soma.tenants=*", 1)
}

fn build(settings: &Settings, options: &str, connections: usize) -> Result<Pool, OpenError> {
    if connections == 0 {
        return Err(setting("connections", "there must be one"));
    }
    // The error says what is wrong, and not the text, which has a password in it.
    let mut config = Config::from_str(&settings.url).map_err(|error| setting("url", error))?;
    let given = config.get_options().map(|given| format!("{given} ")).unwrap_or_default();
    config
        .options(format!("{given}{options}"))
        .application_name(&settings.application)
        .connect_timeout(settings.connect)
        .tcp_user_timeout(UNACKNOWLEDGED);
    let method = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = if config.get_ssl_mode() == SslMode::Require {
        Manager::from_config(config, MakeRustlsConnect::new(tls(settings)?), method)
    } else {
        config.ssl_mode(SslMode::Disable);
        Manager::from_config(config, NoTls, method)
    };
    Pool::builder(manager)
        .max_size(connections)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(settings.wait))
        .create_timeout(Some(settings.connect))
        .recycle_timeout(Some(settings.connect))
        .build()
        .map_err(|error| setting("connections", error))
}

fn tls(settings: &Settings) -> Result<ClientConfig, OpenError> {
    let mut roots = RootCertStore::empty();
    match &settings.authorities {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(path) => {
            let wrong = |error: &dyn std::fmt::Display| setting("authorities", error);
            let pem = fs::read(path).map_err(|error| wrong(&error))?;
            for certificate in CertificateDer::pem_slice_iter(&pem) {
                let certificate = certificate.map_err(|error| wrong(&error))?;
                roots.add(certificate).map_err(|error| wrong(&error))?;
            }
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| setting("authorities", error))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn setting(setting: &'static str, reason: impl std::fmt::Display) -> OpenError {
    OpenError::Setting { setting, reason: reason.to_string() }
}
