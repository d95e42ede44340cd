//! Why something is denied, for people.

use soma_core::policy::PolicyRequest;

/// The reasons that a policy gave; if there are none, one that says what was denied.
pub(crate) fn or_what_was_denied(
    reasons: impl Iterator<Item = String>,
    request: &PolicyRequest,
) -> Vec<String> {
    let mut reasons: Vec<String> = reasons.collect();
    if reasons.is_empty() {
        reasons.push(format!("policy does not allow {} on {}", request.action, request.resource));
    }
    reasons
}
