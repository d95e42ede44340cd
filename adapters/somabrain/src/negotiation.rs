//! Which dialect the server speaks: found out once, and again when it does not seem to be so any more.

use std::sync::Arc;
use std::time::Duration;

use soma_core::ports::Clock;
use soma_core::time::Timestamp;
use tokio::sync::Mutex;

use crate::dialect::Dialect;
use crate::failure::{Failure, Kind};
use crate::http::Server;

/// How often a dialect that was found out is doubted, at most.
const DOUBT: Duration = Duration::from_mins(1);

/// The dialect that is spoken.
pub(crate) struct Negotiation {
    pinned: Option<Dialect>,
    known: Mutex<Known>,
    clock: Arc<dyn Clock>,
}

#[derive(Debug, Default)]
struct Known {
    dialect: Option<Dialect>,
    doubted: Option<Timestamp>,
}

impl Negotiation {
    pub(crate) fn new(pinned: Option<Dialect>, clock: Arc<dyn Clock>) -> Self {
        Self { pinned, known: Mutex::default(), clock }
    }

    /// The dialect. Who comes while it is being found out waits for that.
    pub(crate) async fn dialect(&self, server: &Server) -> Result<Dialect, Failure> {
        if let Some(pinned) = self.pinned {
            return Ok(pinned);
        }
        let mut known = self.known.lock().await;
        if let Some(dialect) = known.dialect {
            return Ok(dialect);
        }
        let dialect = find_out(server).await?;
        tracing::info!(%dialect, "SomaBrain's dialect was found out");
        known.dialect = Some(dialect);
        Ok(dialect)
    }

    /// The server did not know what it was asked in this dialect. Whether it is worth asking which it
    /// speaks.
    pub(crate) async fn doubt(&self, dialect: Dialect) -> bool {
        let mut known = self.known.lock().await;
        let now = self.clock.now();
        let recently = known.doubted.is_some_and(|doubted| now < doubted + DOUBT);
        if self.pinned.is_some() || (known.dialect == Some(dialect) && recently) {
            return false;
        }
        if known.dialect == Some(dialect) {
            *known = Known { dialect: None, doubted: Some(now) };
        }
        true
    }
}

/// Asks for the server's own description, below both paths, and where it is kept secret for its health.
async fn find_out(server: &Server) -> Result<Dialect, Failure> {
    for path in ["/openapi.json", "/api/openapi.json"] {
        let document = match server.get(path).await {
            Ok(document) => document,
            Err(failure) if failure.kind.counts() || failure.kind == Kind::Busy => {
                return Err(failure);
            }
            Err(_) => continue,
        };
        if let Some(dialect) = Dialect::of_openapi(&document) {
            return Ok(dialect);
        }
    }
    let health = server.get("/healthz").await?;
    let unknown = || Failure::new(Kind::Foreign, "it speaks no dialect that is known");
    Dialect::of_health(&health).ok_or_else(unknown)
}
