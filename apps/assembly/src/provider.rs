//! Whether the language model answers: what its last calls came to.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use futures_util::StreamExt;
use soma_core::conversation::model::ModelFailure;
use soma_core::ports::Model;
use soma_core::ports::model::{ModelEvent, ModelRequest, ModelStream};
use soma_web::{ComponentHealth, HealthStatus};

/// So many calls in a row must fail before it is said that the provider fails.
const MANY: u32 = 3;

/// How the last calls ended.
#[derive(Debug, Default)]
pub struct Provider {
    last: Mutex<Failing>,
}

#[derive(Debug, Default)]
struct Failing {
    /// How many calls in a row failed.
    calls: u32,
    why: String,
}

impl Provider {
    /// What is wrong, for people, if it keeps failing.
    pub fn fault(&self) -> Option<String> {
        let Failing { calls, why } = &*self.last();
        (*calls >= MANY).then(|| format!("the last {calls} calls failed: {why}"))
    }

    /// How it is, for those who ask about the platform.
    pub fn health(&self) -> ComponentHealth {
        match self.fault() {
            Some(fault) => ComponentHealth {
                status: HealthStatus::Degraded,
                detail: Some(fault),
                ..ComponentHealth::default()
            },
            None => ComponentHealth::default(),
        }
    }

    fn answered(&self) {
        *self.last() = Failing::default();
    }

    /// A call failed. A prompt that is refused or too long is not the provider's fault.
    fn failed(&self, failure: &ModelFailure) {
        match failure {
            ModelFailure::TooLong | ModelFailure::ContentFilter | ModelFailure::Refused(_) => {}
            ModelFailure::Unauthorized
            | ModelFailure::NotFound
            | ModelFailure::RateLimited { .. }
            | ModelFailure::Unavailable(_)
            | ModelFailure::Broken
            | ModelFailure::Timeout => {
                let mut last = self.last();
                *last = Failing { calls: last.calls.saturating_add(1), why: failure.to_string() };
            }
        }
    }

    fn last(&self) -> MutexGuard<'_, Failing> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A model whose calls are watched.
pub(crate) struct Watched {
    pub(crate) model: Arc<dyn Model>,
    pub(crate) provider: Arc<Provider>,
}

#[async_trait]
impl Model for Watched {
    fn describe(&self) -> String {
        self.model.describe()
    }

    fn count(&self, text: &str) -> u64 {
        self.model.count(text)
    }

    async fn generate(&self, request: ModelRequest) -> Result<ModelStream, ModelFailure> {
        let stream = self.model.generate(request).await;
        let stream = stream.inspect_err(|failure| self.provider.failed(failure))?;
        let provider = Arc::clone(&self.provider);
        let watch = move |event: &Result<ModelEvent, ModelFailure>| match event {
            Ok(ModelEvent::Text(_) | ModelEvent::Reasoning(_)) => {}
            Ok(ModelEvent::Done { .. }) => provider.answered(),
            Err(failure) => provider.failed(failure),
        };
        Ok(stream.inspect(watch).boxed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn provider_that_keeps_failing_is_told_until_it_answers() {
        let provider = Provider::default();
        let failure = ModelFailure::Unavailable("no connection".into());

        (1..MANY).for_each(|_| provider.failed(&failure));
        assert_eq!(provider.fault(), None, "anyone may fail once or twice");
        provider.failed(&failure);

        let told = provider.fault().unwrap();
        assert!(told.contains("3 calls failed") && told.contains("no connection"), "{told}");
        provider.answered();
        assert_eq!(provider.fault(), None);
    }

    #[test]
    fn prompt_that_is_refused_is_not_the_providers_fault() {
        let provider = Provider::default();

        (0..9).for_each(|_| provider.failed(&ModelFailure::TooLong));

        assert_eq!(provider.fault(), None);
    }
}
