//! The contract of the model.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;
use soma_core::budget::Tokens;
use soma_core::contract::Fixture;
use soma_core::contract::model::ModelUnderTest;
use soma_core::conversation::model::ModelFailure;
use soma_core::ports::Model;
use soma_core::ports::model::{ModelRequest, ModelStream};
use soma_model::{OpenAiConfig, OpenAiModel};
use soma_tests::stub_model::{Ending, Reply, StubModel};
use tokio::runtime::{Builder, Handle, Runtime};

use crate::world::{KEY, always, config, impatient};

/// A stub for each situation.
struct Stubs {
    answering: Arc<StubModel>,
    breaking_off: StubModel,
    silent: StubModel,
    refusing: StubModel,
    connections: Option<Runtime>,
}

impl Drop for Stubs {
    fn drop(&mut self) {
        // A runtime must not be waited for inside another.
        self.connections.take().unwrap().shutdown_background();
    }
}

#[async_trait]
impl Fixture for Stubs {
    type Port = ModelUnderTest;
    const DURABLE: bool = false;

    async fn start() -> Option<Self> {
        let pause = Duration::from_millis(200);
        let said = || Reply::stream().text("one ");
        let quoting = json!({"error": {"message": format!("there is no key {KEY} here")}});
        Some(Self {
            answering: Arc::new(always(said().wait(pause).text("two").finish("stop").done())),
            breaking_off: always(said().cut()),
            silent: always(said().silence()),
            refusing: always(Reply::whole(400, quoting)),
            connections: Builder::new_multi_thread().worker_threads(1).enable_all().build().ok(),
        })
    }

    async fn open(&self) -> ModelUnderTest {
        let connections = self.connections.as_ref().unwrap().handle().clone();
        let model = |config: OpenAiConfig| -> Arc<dyn Model> {
            let model = OpenAiModel::new(config).unwrap();
            Arc::new(Elsewhere { model, connections: connections.clone() })
        };
        let (stub, watcher) = (Arc::clone(&self.answering), connections.clone());
        ModelUnderTest {
            answering: model(config(&self.answering)),
            breaking_off: Some(model(config(&self.breaking_off))),
            silent: Some(model(impatient(&self.silent))),
            refusing: Some(model(config(&self.refusing))),
            secret: KEY.into(),
            under_way: Arc::new(move || not_given_up(&stub, &watcher)),
        }
    }
}

/// How many calls the other side did not see given up, once all of them have ended.
fn not_given_up(stub: &Arc<StubModel>, watcher: &Handle) -> usize {
    let (stub, watcher) = (Arc::clone(stub), watcher.clone());
    let watching = std::thread::spawn(move || {
        let ended = stub.until(|log| log.iter().all(|entry| entry.ending.is_some()));
        let ended = watcher.block_on(ended);
        ended.iter().filter(|entry| entry.ending != Some(Ending::HungUp)).count()
    });
    watching.join().unwrap()
}

/// A model whose connections live on a thread of their own: the suite looks at the other side without
/// giving its own thread time to hang up.
struct Elsewhere {
    model: OpenAiModel,
    connections: Handle,
}

#[async_trait]
impl Model for Elsewhere {
    async fn generate(&self, request: ModelRequest) -> Result<ModelStream, ModelFailure> {
        let model = self.model.clone();
        self.connections.spawn(async move { model.generate(request).await }).await.unwrap()
    }

    fn count(&self, text: &str) -> Tokens {
        self.model.count(text)
    }

    fn describe(&self) -> String {
        self.model.describe()
    }
}

soma_core::contract_tests!(model, Stubs);
