//! The port.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use soma_core::ids::{SessionId, TenantId};
use soma_core::memory::{MemoryHit, MemoryWrite, RecallQuery};
use soma_core::ports::{Clock, Memory, PortError, PortResult};

use crate::breaker::Breaker;
use crate::config::{BadSomaBrainConfig, SomaBrainConfig};
use crate::entry::Entry;
use crate::failure::{Failure, Kind};
use crate::http::Server;
use crate::negotiation::Negotiation;
use crate::scope::{Places, Scope};
use crate::search;
use crate::store::{self, Outcome, Spoken};

/// [`Memory`] in SomaBrain.
pub struct SomaBrainMemory {
    server: Server,
    negotiation: Negotiation,
    breaker: Breaker,
    places: Places,
    clock: Arc<dyn Clock>,
    alike: bool,
    recall: Duration,
    write: Duration,
}

impl SomaBrainMemory {
    /// The memory of a server. It is not asked anything yet, and need not be there.
    ///
    /// # Errors
    ///
    /// [`BadSomaBrainConfig`] if it cannot be asked with these settings.
    pub fn new(
        config: &SomaBrainConfig,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, BadSomaBrainConfig> {
        Ok(Self {
            server: Server::new(config, Arc::clone(&clock))?,
            negotiation: Negotiation::new(config.dialect, Arc::clone(&clock)),
            breaker: Breaker::new(config.failures, config.pause),
            places: Places::new(config)?,
            alike: config.alike,
            recall: config.recall,
            write: config.write,
            clock,
        })
    }

    /// Whether the server answers, whatever it says.
    ///
    /// # Errors
    ///
    /// Why it does not.
    pub async fn check(&self) -> PortResult<()> {
        let asked = tokio::time::timeout(self.recall, self.server.get("/healthz")).await;
        match asked.unwrap_or_else(|_| Err(Failure::new(Kind::Lost, "it took too long"))) {
            Err(failure) if failure.kind.counts() => Err(PortError::Unavailable(failure.into())),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Does something with the server within a time, in the dialect that it speaks; once more if it turns
    /// out to speak another. Counted as one call.
    async fn ask<'a, T, F>(
        &'a self,
        longest: Duration,
        work: impl Fn(Spoken<'a>) -> F + Send,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>> + Send,
    {
        let pass = self.breaker.admit(self.clock.now())?;
        let asked = tokio::time::timeout(longest, self.spoken(work)).await;
        let too_long = || Failure::new(Kind::Lost, "it took too long");
        let result = asked.unwrap_or_else(|_| Err(too_long()));
        let failure = result.as_ref().err();
        pass.end(failure, self.clock.now());
        if let Some(failure) = failure.filter(|failure| failure.kind == Kind::Denied) {
            tracing::error!(cause = %failure, "SomaBrain refuses the platform: see to its token and policy");
        }
        result
    }

    async fn spoken<'a, T, F>(&'a self, work: impl Fn(Spoken<'a>) -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let server = &self.server;
        let dialect = self.negotiation.dialect(server).await?;
        match work(Spoken { server, dialect }).await {
            Err(failure)
                if failure.kind == Kind::Foreign && self.negotiation.doubt(dialect).await =>
            {
                let dialect = self.negotiation.dialect(server).await?;
                work(Spoken { server, dialect }).await
            }
            result => result,
        }
    }

    /// Remembers what one tenant has, each under a key of its own.
    async fn remember_of(&self, scope: &Scope, entries: &[Entry]) -> Vec<Outcome> {
        let work = |spoken| store::remember(spoken, scope, entries);
        match self.ask(self.write, work).await {
            Ok(outcomes) => outcomes,
            Err(failure) => {
                entries.iter().map(|entry| (entry.place, Err(failure.clone()))).collect()
            }
        }
    }
}

#[async_trait]
impl Memory for SomaBrainMemory {
    async fn remember(&self, writes: &[MemoryWrite]) -> PortResult<Vec<PortResult<()>>> {
        let mut outcomes: BTreeMap<usize, Result<(), Failure>> = BTreeMap::new();
        let mut of_tenants: BTreeMap<&TenantId, (Scope, Vec<Entry>)> = BTreeMap::new();
        let standing = standing(writes);
        for place in standing.values().copied().collect::<BTreeSet<_>>() {
            let Some(write) = writes.get(place) else { continue };
            let (scope, entries) = of_tenants
                .entry(&write.tenant)
                .or_insert_with(|| (self.places.of(&write.tenant), Vec::new()));
            match Entry::memory(place, scope, write) {
                Ok(entry) => entries.push(entry),
                Err(failure) => {
                    outcomes.insert(place, Err(failure));
                }
            }
        }
        let calls = of_tenants.values().map(|(scope, entries)| self.remember_of(scope, entries));
        outcomes.extend(join_all(calls).await.into_iter().flatten());
        let outcome = |write: &MemoryWrite| {
            let place = standing.get(&(&write.tenant, write.key.as_str()));
            match place.and_then(|place| outcomes.get(place)) {
                Some(Ok(())) => Ok(()),
                Some(Err(failure)) => Err(failure.clone().of_write()),
                None => Err(PortError::Ambiguous("the memory was left out".into())),
            }
        };
        Ok(writes.iter().map(outcome).collect())
    }

    async fn recall(&self, query: &RecallQuery) -> PortResult<Vec<MemoryHit>> {
        let scope = self.places.of(&query.tenant);
        let now = self.clock.now();
        let work = |spoken| search::recall(spoken, &scope, query, self.alike, now);
        self.ask(self.recall, work).await.map_err(Failure::of_read)
    }

    async fn forget_session(&self, tenant: &TenantId, session: SessionId) -> PortResult<()> {
        let scope = self.places.of(tenant);
        let work = |spoken| store::forget(spoken, &scope, session);
        self.ask(self.write, work).await.map_err(Failure::of_write)
    }
}

/// Of each key the write that stands: the last.
fn standing(writes: &[MemoryWrite]) -> BTreeMap<(&TenantId, &str), usize> {
    let keyed = writes.iter().enumerate();
    keyed.map(|(place, write)| ((&write.tenant, write.key.as_str()), place)).collect()
}

soma_core::opaque_debug!(SomaBrainMemory);
