//! A model that answers by a script.

mod script;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::future::{Either, select};
use futures_util::stream::unfold;
use soma_core::budget::Tokens;
use soma_core::conversation::model::ModelFailure;
use soma_core::flows::stop::Stop;
use soma_core::ports::model::{ModelEvent, ModelRequest, ModelStream};
use soma_core::ports::{Model, Timer};

use crate::lock::locked;

pub use script::{Script, ScriptStep};

/// Answers each call by the next script, remembers what it was asked, and counts the calls that are
/// under way.
pub struct ScriptedModel {
    scripts: Mutex<VecDeque<Script>>,
    otherwise: Script,
    requests: Mutex<Vec<ModelRequest>>,
    patience: Duration,
    timer: Arc<dyn Timer>,
    under_way: Arc<AtomicUsize>,
}

impl ScriptedModel {
    /// A model that answers every call by `script`, and whose silence ends after `patience`.
    pub fn new(script: Script, timer: Arc<dyn Timer>, patience: Duration) -> Self {
        Self {
            scripts: Mutex::default(),
            otherwise: script,
            requests: Mutex::default(),
            patience,
            timer,
            under_way: Arc::default(),
        }
    }

    /// Answers the next call that has no script yet by this one.
    pub fn then(&self, script: Script) {
        locked(&self.scripts).push_back(script);
    }

    /// What it was asked so far.
    pub fn requests(&self) -> Vec<ModelRequest> {
        locked(&self.requests).clone()
    }

    /// How many calls are under way.
    pub fn under_way(&self) -> usize {
        self.under_way.load(Ordering::SeqCst)
    }

    fn next_script(&self) -> Script {
        locked(&self.scripts).pop_front().unwrap_or_else(|| self.otherwise.clone())
    }
}

#[async_trait]
impl Model for ScriptedModel {
    async fn generate(&self, request: ModelRequest) -> Result<ModelStream, ModelFailure> {
        locked(&self.requests).push(request);
        let script = self.next_script();
        if let Some(failure) = script.refusal() {
            return Err(failure);
        }
        let answer = Answer {
            steps: script.into_steps(),
            timer: Arc::clone(&self.timer),
            patience: self.patience,
            _call: UnderWay::new(&self.under_way),
        };
        Ok(unfold(Some(answer), Answer::step).boxed())
    }

    fn count(&self, text: &str) -> Tokens {
        Tokens::try_from(text.len().div_ceil(4)).unwrap_or(Tokens::MAX)
    }

    fn describe(&self) -> String {
        "a script".into()
    }
}

/// An answer that is being given.
struct Answer {
    steps: VecDeque<ScriptStep>,
    timer: Arc<dyn Timer>,
    patience: Duration,
    _call: UnderWay,
}

impl Answer {
    /// The next event, and what is left of the answer; nothing after its end.
    async fn step(
        answer: Option<Self>,
    ) -> Option<(Result<ModelEvent, ModelFailure>, Option<Self>)> {
        let mut answer = answer?;
        loop {
            match answer.steps.pop_front() {
                Some(ScriptStep::Text(text)) if text.is_empty() => {}
                Some(ScriptStep::Text(text)) => {
                    return Some((Ok(ModelEvent::Text(text)), Some(answer)));
                }
                Some(ScriptStep::Done { tool_calls, finish, usage }) => {
                    let model = script::NAME.to_owned();
                    let done = ModelEvent::Done { tool_calls, finish, usage, model };
                    return Some((Ok(done), None));
                }
                Some(ScriptStep::Fail(failure)) => return Some((Err(failure), None)),
                Some(ScriptStep::Hold(until)) => {
                    if let Err(failure) = answer.hold(&until).await {
                        return Some((Err(failure), None));
                    }
                }
                Some(ScriptStep::Pause(span)) => answer.timer.sleep(span).await,
                Some(ScriptStep::Reasoning(text)) => {
                    return Some((Ok(ModelEvent::Reasoning(text)), Some(answer)));
                }
                None => return Some((Err(ModelFailure::Broken), None)),
            }
        }
    }

    async fn hold(&self, until: &Stop) -> Result<(), ModelFailure> {
        let silence = self.timer.sleep(self.patience);
        match select(Box::pin(until.wait()), silence).await {
            Either::Left(_) => Ok(()),
            Either::Right(_) => Err(ModelFailure::Timeout),
        }
    }
}

/// Counts a call for as long as its stream is held.
struct UnderWay(Arc<AtomicUsize>);

impl UnderWay {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

soma_core::opaque_debug!(ScriptedModel);
