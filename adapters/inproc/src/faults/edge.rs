//! Faults of the ports at the edge.

use std::future::ready;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::once;
use soma_core::budget::Tokens;
use soma_core::conversation::model::ModelFailure;
use soma_core::ids::{SessionId, TenantId};
use soma_core::memory::{MemoryHit, MemoryWrite, RecallQuery};
use soma_core::outbox::message::Record;
use soma_core::outbox::partition::Partition;
use soma_core::outbox::topic::Topic;
use soma_core::policy::{Decision, PolicyRequest};
use soma_core::ports::log::{Bounds, Fetched};
use soma_core::ports::model::{ModelEvent, ModelRequest, ModelStream};
use soma_core::ports::rate_limit::{Admission, Rate};
use soma_core::ports::vault::KeyRecord;
use soma_core::ports::{Cache, Log, Memory, Model, Policy, PortResult, RateLimit, Vault};
use soma_core::time::Timestamp;
use soma_core::work::session::Session;

use super::faulty::{Injected, overtaken};
use super::{FaultKind, Faulty};

#[async_trait]
impl<P> Log for Faulty<P>
where
    P: Log + ?Sized,
{
    fn partitions(&self, topic: Topic) -> u32 {
        self.inner.partitions(topic)
    }

    async fn publish(
        &self,
        topic: Topic,
        partition: Partition,
        records: Vec<Record>,
    ) -> PortResult<u64> {
        let call = || self.inner.publish(topic, partition, records.clone());
        self.writes("Log", "publish", call).await
    }

    async fn fetch(
        &self,
        topic: Topic,
        partition: Partition,
        offset: u64,
        max_bytes: usize,
        wait: Duration,
    ) -> PortResult<Fetched> {
        let call = || self.inner.fetch(topic, partition, offset, max_bytes, wait);
        self.reads("Log", "fetch", call).await
    }

    async fn bounds(&self, topic: Topic, partition: Partition) -> PortResult<Bounds> {
        self.reads("Log", "bounds", || self.inner.bounds(topic, partition)).await
    }
}

#[async_trait]
impl<P> Memory for Faulty<P>
where
    P: Memory + ?Sized,
{
    async fn remember(&self, write: &MemoryWrite) -> PortResult<()> {
        self.writes("Memory", "remember", || self.inner.remember(write)).await
    }

    async fn recall(&self, query: &RecallQuery) -> PortResult<Vec<MemoryHit>> {
        self.reads("Memory", "recall", || self.inner.recall(query)).await
    }

    async fn forget_session(&self, tenant: &TenantId, session: SessionId) -> PortResult<()> {
        let call = || self.inner.forget_session(tenant, session);
        self.writes("Memory", "forget_session", call).await
    }
}

#[async_trait]
impl<P> Policy for Faulty<P>
where
    P: Policy + ?Sized,
{
    async fn decide(&self, request: &PolicyRequest) -> PortResult<Decision> {
        self.reads("Policy", "decide", || self.inner.decide(request)).await
    }
}

#[async_trait]
impl<P> Model for Faulty<P>
where
    P: Model + ?Sized,
{
    async fn generate(&self, request: ModelRequest) -> Result<ModelStream, ModelFailure> {
        match self.plan.next("Model", "generate") {
            None => {}
            Some(FaultKind::Refuse) => {
                return Err(ModelFailure::Unavailable(Injected.to_string()));
            }
            Some(FaultKind::LoseReply) => return self.inner.generate(request).await.map(cut),
            Some(FaultKind::Delay) => self.plan.delay().await,
            Some(FaultKind::Duplicate) => drop(self.inner.generate(request.clone()).await?),
            Some(FaultKind::Reorder) => overtaken().await,
        }
        self.inner.generate(request).await
    }

    fn count(&self, text: &str) -> Tokens {
        self.inner.count(text)
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }
}

/// An answer that breaks off after its first text.
fn cut(answer: ModelStream) -> ModelStream {
    let text = answer.take(1).filter(|first| ready(matches!(first, Ok(ModelEvent::Text(_)))));
    text.chain(once(ready(Err(ModelFailure::Broken)))).boxed()
}

#[async_trait]
impl<P> Cache for Faulty<P>
where
    P: Cache + ?Sized,
{
    async fn get(&self, session: SessionId, now: Timestamp) -> PortResult<Option<Session>> {
        self.reads("Cache", "get", || self.inner.get(session, now)).await
    }

    async fn put(&self, session: &Session, now: Timestamp, ttl: Duration) -> PortResult<()> {
        self.writes("Cache", "put", || self.inner.put(session, now, ttl)).await
    }

    async fn drop_session(&self, session: SessionId) -> PortResult<()> {
        self.writes("Cache", "drop_session", || self.inner.drop_session(session)).await
    }
}

#[async_trait]
impl<P> Vault for Faulty<P>
where
    P: Vault + ?Sized,
{
    async fn put_key(&self, key: &KeyRecord) -> PortResult<()> {
        self.writes("Vault", "put_key", || self.inner.put_key(key)).await
    }

    async fn key(&self, key_id: &str) -> PortResult<Option<KeyRecord>> {
        self.reads("Vault", "key", || self.inner.key(key_id)).await
    }

    async fn keys(&self, tenant: &TenantId) -> PortResult<Vec<KeyRecord>> {
        self.reads("Vault", "keys", || self.inner.keys(tenant)).await
    }

    async fn remove_key(&self, tenant: &TenantId, key_id: &str) -> PortResult<bool> {
        self.writes("Vault", "remove_key", || self.inner.remove_key(tenant, key_id)).await
    }

    async fn put_secret(&self, provider: &str, sealed: &[u8]) -> PortResult<()> {
        self.writes("Vault", "put_secret", || self.inner.put_secret(provider, sealed)).await
    }

    async fn secret(&self, provider: &str) -> PortResult<Option<Vec<u8>>> {
        self.reads("Vault", "secret", || self.inner.secret(provider)).await
    }
}

#[async_trait]
impl<P> RateLimit for Faulty<P>
where
    P: RateLimit + ?Sized,
{
    async fn admit(
        &self,
        tenant: &TenantId,
        key: &str,
        rate: Rate,
        now: Timestamp,
    ) -> PortResult<Admission> {
        self.writes("RateLimit", "admit", || self.inner.admit(tenant, key, rate, now)).await
    }
}
