//! What is asked of the policy engine, and what it answers.

pub mod action;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::digest::Digest32;
use crate::ids::{PersonaId, TenantId};

pub use action::Action;

/// A question to the policy engine: its `input` document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PolicyRequest {
    /// Whose doing it is.
    pub tenant: TenantId,
    /// The persona, if one was named.
    pub persona_id: Option<PersonaId>,
    /// What is to be done.
    pub action: Action,
    /// To what: a tool's name, `message`, `memory`.
    pub resource: String,
    /// What else a rule may look at. No secrets.
    pub context: Value,
}

impl PolicyRequest {
    /// The SHA-256 of the canonical JSON of the request.
    pub fn digest(&self) -> Digest32 {
        Digest32::of_json(self)
    }
}

/// The engine's answer. A denial is a value, not an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// What was asked.
    pub action: Action,
    /// To what.
    pub resource: String,
    /// Whether it may be done.
    pub allow: bool,
    /// Why not, for people; empty when allowed.
    pub reasons: Vec<String>,
    /// The digest of the request that was decided.
    pub input: Digest32,
    /// The digest of the files by which it was decided, if the engine knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<Digest32>,
}

impl Decision {
    /// The answer to `request`.
    pub fn new(request: &PolicyRequest, allow: bool, reasons: Vec<String>) -> Self {
        Self {
            action: request.action,
            resource: request.resource.clone(),
            allow,
            reasons,
            input: request.digest(),
            bundle: None,
        }
    }

    /// The same, decided by the files with this digest.
    #[must_use]
    pub fn by(self, bundle: Option<Digest32>) -> Self {
        Self { bundle, ..self }
    }

    /// The denial that stands when the engine cannot be reached.
    pub fn unreachable(request: &PolicyRequest) -> Self {
        Self::new(request, false, vec!["the policy engine cannot be reached".into()])
    }

    /// Whether it answers `request` and no other.
    pub fn answers(&self, request: &PolicyRequest) -> bool {
        self.action == request.action && self.input == request.digest()
    }

    /// The reasons as one sentence for people.
    pub fn reason(&self) -> String {
        if self.reasons.is_empty() {
            format!("policy does not allow {}", self.action)
        } else {
            self.reasons.join("; ")
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;
    use serde_json::{Map, json};

    use super::*;
    use crate::testing::{self, holds, text};

    fn request() -> impl Strategy<Value = PolicyRequest> {
        (select(&Action::ALL[..]), select(&["acme", "b"][..]), text(3), testing::json()).prop_map(
            |(action, tenant, resource, context)| PolicyRequest {
                tenant: TenantId::new(tenant).unwrap(),
                persona_id: None,
                action,
                resource,
                context,
            },
        )
    }

    /// The same value, with the fields of objects in another order.
    fn reordered(value: &Value) -> Value {
        match value {
            Value::Object(fields) => {
                let fields =
                    fields.iter().rev().map(|(name, value)| (name.clone(), reordered(value)));
                Value::Object(fields.collect::<Map<_, _>>())
            }
            Value::Array(items) => items.iter().map(reordered).collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
        }
    }

    #[test]
    fn digest_is_that_of_what_was_asked_in_whatever_order_it_is_written() {
        holds(256, &request(), |request| {
            let again = PolicyRequest { context: reordered(&request.context), ..request.clone() };
            let text = serde_json::to_string(&request).unwrap();

            assert_eq!(again.digest(), request.digest());
            let read: PolicyRequest = serde_json::from_str(&text).unwrap();
            assert_eq!(read.digest(), request.digest());
        });
    }

    #[test]
    fn decision_answers_its_question_and_no_other() {
        holds(256, &(request(), request()), |(one, other)| {
            let decision = Decision::new(&one, true, Vec::new());

            assert_eq!(one.digest() == other.digest(), one == other);
            assert_eq!(decision.answers(&other), one == other);
        });
    }

    #[test]
    fn record_of_a_decision_names_its_bundle_and_is_read_without_one() {
        holds(64, &(request(), any::<bool>()), |(request, allow)| {
            let before = Decision::new(&request, allow, Vec::new());
            let decision = before.clone().by(Some(Digest32::of(b"bundle")));
            let (old, new) = (json!(before), json!(decision));

            assert_eq!(old.get("bundle"), None);
            assert_eq!(new["bundle"], Digest32::of(b"bundle").to_string());
            assert_eq!(serde_json::from_value::<Decision>(old).unwrap(), before);
            assert_eq!(serde_json::from_value::<Decision>(new).unwrap(), decision);
        });
    }

    #[test]
    fn denial_always_has_a_reason_and_names_what_was_asked() {
        holds(64, &request(), |request| {
            let denied = Decision::new(&request, false, Vec::new());
            let unreachable = Decision::unreachable(&request);

            assert!(!unreachable.allow);
            assert_eq!(unreachable.reason(), "the policy engine cannot be reached");
            assert_eq!(denied.reason(), format!("policy does not allow {}", request.action));
            assert_eq!(denied.input, request.digest());
        });
    }
}
