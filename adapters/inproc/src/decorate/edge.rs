//! The ports at the edge.

use std::time::Duration;

use async_trait::async_trait;
use soma_core::budget::Tokens;
use soma_core::conversation::model::ModelFailure;
use soma_core::ids::{SessionId, TenantId};
use soma_core::memory::{MemoryHit, MemoryWrite, RecallQuery};
use soma_core::outbox::message::Record;
use soma_core::outbox::partition::Partition;
use soma_core::outbox::topic::Topic;
use soma_core::policy::{Decision, PolicyRequest};
use soma_core::ports::log::{Bounds, Fetched};
use soma_core::ports::model::{ModelRequest, ModelStream};
use soma_core::ports::rate_limit::{Admission, Rate};
use soma_core::ports::tool::ToolContext;
use soma_core::ports::vault::KeyRecord;
use soma_core::ports::{Cache, Log, Memory, Model, Policy, PortResult, RateLimit, Toolbox, Vault};
use soma_core::time::Timestamp;
use soma_core::tool::{ToolCall, ToolOutcome, ToolSpec};
use soma_core::work::session::Session;

use super::{Decorated, Intercept, Point};

#[async_trait]
impl<P, I> Log for Decorated<P, I>
where
    P: Log + ?Sized,
    I: Intercept,
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
        self.intercept.call(Point::Publish, call).await
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
        self.intercept.call(Point::Fetch, call).await
    }

    async fn bounds(&self, topic: Topic, partition: Partition) -> PortResult<Bounds> {
        self.intercept.call(Point::Bounds, || self.inner.bounds(topic, partition)).await
    }
}

#[async_trait]
impl<P, I> Memory for Decorated<P, I>
where
    P: Memory + ?Sized,
    I: Intercept,
{
    async fn remember(&self, write: &MemoryWrite) -> PortResult<()> {
        self.intercept.call(Point::Remember, || self.inner.remember(write)).await
    }

    async fn recall(&self, query: &RecallQuery) -> PortResult<Vec<MemoryHit>> {
        self.intercept.call(Point::Recall, || self.inner.recall(query)).await
    }

    async fn forget_session(&self, tenant: &TenantId, session: SessionId) -> PortResult<()> {
        let call = || self.inner.forget_session(tenant, session);
        self.intercept.call(Point::Forget, call).await
    }
}

#[async_trait]
impl<P, I> Policy for Decorated<P, I>
where
    P: Policy + ?Sized,
    I: Intercept,
{
    async fn decide(&self, request: &PolicyRequest) -> PortResult<Decision> {
        self.intercept.call(Point::Decide, || self.inner.decide(request)).await
    }
}

#[async_trait]
impl<P, I> Model for Decorated<P, I>
where
    P: Model + ?Sized,
    I: Intercept,
{
    async fn generate(&self, request: ModelRequest) -> Result<ModelStream, ModelFailure> {
        self.intercept.generate(|| self.inner.generate(request.clone())).await
    }

    fn count(&self, text: &str) -> Tokens {
        self.inner.count(text)
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }
}

#[async_trait]
impl<P, I> Toolbox for Decorated<P, I>
where
    P: Toolbox + ?Sized,
    I: Intercept,
{
    fn specs(&self) -> Vec<ToolSpec> {
        self.inner.specs()
    }

    async fn run(&self, context: &ToolContext, call: &ToolCall) -> ToolOutcome {
        self.intercept.run(|| self.inner.run(context, call)).await
    }
}

#[async_trait]
impl<P, I> Cache for Decorated<P, I>
where
    P: Cache + ?Sized,
    I: Intercept,
{
    async fn get(&self, session: SessionId, now: Timestamp) -> PortResult<Option<Session>> {
        self.intercept.call(Point::GetCached, || self.inner.get(session, now)).await
    }

    async fn put(&self, session: &Session, now: Timestamp, ttl: Duration) -> PortResult<()> {
        self.intercept.call(Point::PutCached, || self.inner.put(session, now, ttl)).await
    }

    async fn drop_session(&self, session: SessionId) -> PortResult<()> {
        self.intercept.call(Point::DropCached, || self.inner.drop_session(session)).await
    }
}

#[async_trait]
impl<P, I> Vault for Decorated<P, I>
where
    P: Vault + ?Sized,
    I: Intercept,
{
    async fn put_key(&self, key: &KeyRecord) -> PortResult<()> {
        self.intercept.call(Point::PutKey, || self.inner.put_key(key)).await
    }

    async fn key(&self, key_id: &str) -> PortResult<Option<KeyRecord>> {
        self.intercept.call(Point::Key, || self.inner.key(key_id)).await
    }

    async fn keys(&self, tenant: &TenantId) -> PortResult<Vec<KeyRecord>> {
        self.intercept.call(Point::Keys, || self.inner.keys(tenant)).await
    }

    async fn remove_key(&self, tenant: &TenantId, key_id: &str) -> PortResult<bool> {
        self.intercept.call(Point::RemoveKey, || self.inner.remove_key(tenant, key_id)).await
    }

    async fn put_secret(&self, provider: &str, sealed: &[u8]) -> PortResult<()> {
        self.intercept.call(Point::PutSecret, || self.inner.put_secret(provider, sealed)).await
    }

    async fn secret(&self, provider: &str) -> PortResult<Option<Vec<u8>>> {
        self.intercept.call(Point::Secret, || self.inner.secret(provider)).await
    }
}

#[async_trait]
impl<P, I> RateLimit for Decorated<P, I>
where
    P: RateLimit + ?Sized,
    I: Intercept,
{
    async fn admit(
        &self,
        tenant: &TenantId,
        key: &str,
        rate: Rate,
        now: Timestamp,
    ) -> PortResult<Admission> {
        self.intercept.call(Point::Admit, || self.inner.admit(tenant, key, rate, now)).await
    }
}
