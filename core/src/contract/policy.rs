//! The suite of [`Policy`]. What a policy says is the adapter's: its fixture names a request that is
//! allowed and one that is denied.

use std::sync::Arc;

use super::Fixture;
use crate::policy::PolicyRequest;
use crate::ports::Policy;

super::suite! { policy:
    allowance_is_a_value,
    denial_is_a_value_with_a_reason,
    decision_carries_what_was_asked,
    same_request_gets_the_same_decision,
    requests_that_differ_have_digests_that_differ,
}

/// What the suite tests: an engine, and what its policy says.
pub struct PolicyUnderTest {
    /// The engine.
    pub policy: Arc<dyn Policy>,
    /// A request that its policy allows.
    pub allowed: PolicyRequest,
    /// A request that its policy denies.
    pub denied: PolicyRequest,
}

crate::opaque_debug!(PolicyUnderTest);

/// What is allowed is allowed, without a reason.
pub async fn allowance_is_a_value<F>(fixture: F)
where
    F: Fixture<Port = PolicyUnderTest>,
{
    let under_test = fixture.open().await;

    let decision = under_test.policy.decide(&under_test.allowed).await.unwrap();

    assert!(decision.allow, "{decision:?}");
    assert_eq!(decision.reasons, [""; 0]);
}

/// What is denied is answered, not failed, and a person can be told why.
pub async fn denial_is_a_value_with_a_reason<F>(fixture: F)
where
    F: Fixture<Port = PolicyUnderTest>,
{
    let under_test = fixture.open().await;

    let decision = under_test.policy.decide(&under_test.denied).await.unwrap();

    assert!(!decision.allow, "{decision:?}");
    assert!(decision.reasons.iter().any(|reason| !reason.trim().is_empty()), "{decision:?}");
}

/// A decision carries the action, the resource and the digest of its request.
pub async fn decision_carries_what_was_asked<F>(fixture: F)
where
    F: Fixture<Port = PolicyUnderTest>,
{
    let under_test = fixture.open().await;

    for request in [&under_test.allowed, &under_test.denied] {
        let decision = under_test.policy.decide(request).await.unwrap();

        assert_eq!(decision.action, request.action);
        assert_eq!(decision.resource, request.resource);
        assert_eq!(decision.input, request.digest());
    }
}

/// Asking again, with other questions in between, changes nothing.
pub async fn same_request_gets_the_same_decision<F>(fixture: F)
where
    F: Fixture<Port = PolicyUnderTest>,
{
    let PolicyUnderTest { policy, allowed, denied } = fixture.open().await;

    let first = (policy.decide(&allowed).await.unwrap(), policy.decide(&denied).await.unwrap());
    let second = (policy.decide(&allowed).await.unwrap(), policy.decide(&denied).await.unwrap());

    assert_eq!(first, second);
}

/// A decision about one request cannot be taken for that about another.
pub async fn requests_that_differ_have_digests_that_differ<F>(fixture: F)
where
    F: Fixture<Port = PolicyUnderTest>,
{
    let PolicyUnderTest { policy, allowed, .. } = fixture.open().await;
    let other = PolicyRequest { context: serde_json::json!({"other": true}), ..allowed.clone() };

    let one = policy.decide(&allowed).await.unwrap();
    let two = policy.decide(&other).await.unwrap();

    assert_ne!(one.input, two.input);
}
