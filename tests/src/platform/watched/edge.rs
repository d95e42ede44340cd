//! The ports at the edge, watched.

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
use soma_core::ports::{Log, Memory, Model, Policy, PortResult, RateLimit, Toolbox};
use soma_core::time::Timestamp;
use soma_core::tool::{ToolCall, ToolOutcome, ToolSpec};

use super::Watched;

#[async_trait]
impl<P> Log for Watched<P>
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
        let call = self.inner.publish(topic, partition, records);
        self.watched(("Log", "publish"), call).await
    }

    async fn fetch(
        &self,
        topic: Topic,
        partition: Partition,
        offset: u64,
        max_bytes: usize,
        wait: Duration,
    ) -> PortResult<Fetched> {
        let call = self.inner.fetch(topic, partition, offset, max_bytes, wait);
        self.watched(("Log", "fetch"), call).await
    }

    async fn bounds(&self, topic: Topic, partition: Partition) -> PortResult<Bounds> {
        self.watched(("Log", "bounds"), self.inner.bounds(topic, partition)).await
    }
}

#[async_trait]
impl<P> Memory for Watched<P>
where
    P: Memory + ?Sized,
{
    async fn remember(&self, write: &MemoryWrite) -> PortResult<()> {
        self.watched(("Memory", "remember"), self.inner.remember(write)).await
    }

    async fn recall(&self, query: &RecallQuery) -> PortResult<Vec<MemoryHit>> {
        self.watched(("Memory", "recall"), self.inner.recall(query)).await
    }

    async fn forget_session(&self, tenant: &TenantId, session: SessionId) -> PortResult<()> {
        let call = self.inner.forget_session(tenant, session);
        self.watched(("Memory", "forget_session"), call).await
    }
}

#[async_trait]
impl<P> Policy for Watched<P>
where
    P: Policy + ?Sized,
{
    async fn decide(&self, request: &PolicyRequest) -> PortResult<Decision> {
        self.watched(("Policy", "decide"), self.inner.decide(request)).await
    }
}

#[async_trait]
impl<P> Model for Watched<P>
where
    P: Model + ?Sized,
{
    async fn generate(&self, request: ModelRequest) -> Result<ModelStream, ModelFailure> {
        self.watched(("Model", "generate"), self.inner.generate(request)).await
    }

    fn count(&self, text: &str) -> Tokens {
        self.inner.count(text)
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }
}

#[async_trait]
impl<P> Toolbox for Watched<P>
where
    P: Toolbox + ?Sized,
{
    fn specs(&self) -> Vec<ToolSpec> {
        self.inner.specs()
    }

    async fn run(&self, context: &ToolContext, call: &ToolCall) -> ToolOutcome {
        self.watched(("Toolbox", "run"), self.inner.run(context, call)).await
    }
}

#[async_trait]
impl<P> RateLimit for Watched<P>
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
        self.watched(("RateLimit", "admit"), self.inner.admit(tenant, key, rate, now)).await
    }
}
