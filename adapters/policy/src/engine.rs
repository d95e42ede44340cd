//! The port, on the engine.

use std::path::Path;

use async_trait::async_trait;
use regorus::{Engine, Value};
use soma_core::policy::{Decision, PolicyRequest};
use soma_core::ports::{Policy, PortError, PortResult};

use crate::bundle::{Bundle, BundleError};
use crate::reasons::or_what_was_denied;

/// The rule that says whether something may be done.
pub(crate) const ALLOW: &str = "data.soma.allow";

/// The rule that says why not.
pub(crate) const REASONS: &str = "data.soma.reasons";

/// A policy in Rego: package `soma` with the rules `allow` and `reasons`.
#[derive(Clone)]
pub struct RegoPolicy {
    bundle: Bundle,
}

impl RegoPolicy {
    /// The platform's own policy.
    ///
    /// # Errors
    ///
    /// [`BundleError::Invalid`] if the bundle in this crate is wrong; a test says that it is not.
    pub fn platform() -> Result<Self, BundleError> {
        Ok(Self { bundle: Bundle::platform()? })
    }

    /// The policy of the `.rego` files in `folder`, with its `.json` files as data.
    ///
    /// # Errors
    ///
    /// [`BundleError`] if a file cannot be read, or with everything that is wrong with any file.
    pub fn from_folder(folder: &Path) -> Result<Self, BundleError> {
        Ok(Self { bundle: Bundle::of_folder(folder)? })
    }
}

soma_core::opaque_debug!(RegoPolicy);

#[async_trait]
impl Policy for RegoPolicy {
    /// Decides on the caller's thread: a decision takes some ten microseconds.
    async fn decide(&self, requests: &[PolicyRequest]) -> PortResult<Vec<Decision>> {
        let Bundle { mut engine, digest } = self.bundle.clone();
        let decide = |request| Ok(evaluate(&mut engine, request)?.by(Some(digest)));
        requests.iter().map(decide).collect()
    }
}

fn evaluate(engine: &mut Engine, request: &PolicyRequest) -> PortResult<Decision> {
    let input = serde_json::to_string(request).map_err(|error| broken(error.into()))?;
    engine.set_input_json(&input).map_err(|error| broken(error.into()))?;
    let allow = engine.eval_rule(ALLOW.into()).map_err(|error| broken(error.into()))?;
    // Anything but `true`, undefined included, is a denial.
    if allow == Value::Bool(true) {
        return Ok(Decision::new(request, true, Vec::new()));
    }
    let reasons = engine.eval_rule(REASONS.into()).map_err(|error| broken(error.into()))?;
    Ok(Decision::new(request, false, texts(&reasons, request)))
}

/// The texts of a set or an array, or the text itself.
fn texts(reasons: &Value, request: &PolicyRequest) -> Vec<String> {
    let values: Vec<&Value> = match reasons {
        Value::Set(values) => values.iter().collect(),
        Value::Array(values) => values.iter().collect(),
        Value::String(_) => vec![reasons],
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) | Value::Undefined => {
            Vec::new()
        }
    };
    let texts = values.into_iter().filter_map(|value| value.as_string().ok());
    or_what_was_denied(texts.map(ToString::to_string), request)
}

fn broken(source: Box<dyn std::error::Error + Send + Sync>) -> PortError {
    PortError::Broken { what: "policy evaluation", source }
}
