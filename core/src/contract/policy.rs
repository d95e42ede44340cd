//! The suite of [`Policy`]. What a policy says is the adapter's: its fixture names a request that is
//! allowed and one that is denied.

use std::sync::Arc;

use super::{Fixture, at_once};
use crate::policy::{Decision, PolicyRequest};
use crate::ports::Policy;

super::suite! { policy:
    allowance_is_a_value,
    denial_is_a_value_with_a_reason,
    decision_carries_what_was_asked,
    same_request_gets_the_same_decision,
    requests_that_differ_have_digests_that_differ,
    many_requests_are_decided_in_their_order,
    request_is_decided_by_itself_whatever_it_is_asked_with,
    requests_at_the_same_time_get_their_own_decisions,
    no_request_gets_no_decision,
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

impl PolicyUnderTest {
    async fn decide(&self, requests: &[PolicyRequest]) -> Vec<Decision> {
        self.policy.decide(requests).await.unwrap()
    }

    async fn decide_one(&self, request: &PolicyRequest) -> Decision {
        self.decide(std::slice::from_ref(request)).await.remove(0)
    }

    /// So many requests that differ, every third of them denied.
    fn many(&self, count: usize) -> Vec<PolicyRequest> {
        let of =
            |number: usize| if number.is_multiple_of(3) { &self.denied } else { &self.allowed };
        let tagged = |number: usize| {
            let mut request = of(number).clone();
            request.context["number"] = number.into();
            request
        };
        (0..count).map(tagged).collect()
    }
}

/// What is allowed is allowed, without a reason.
pub async fn allowance_is_a_value<F>(fixture: F)
where
    F: Fixture<Port = PolicyUnderTest>,
{
    let under_test = fixture.open().await;

    let decision = under_test.decide_one(&under_test.allowed).await;

    assert!(decision.allow, "{decision:?}");
    assert_eq!(decision.reasons, [""; 0]);
}

/// What is denied is answered, not failed, and a person can be told why.
pub async fn denial_is_a_value_with_a_reason<F>(fixture: F)
where
    F: Fixture<Port = PolicyUnderTest>,
{
    let under_test = fixture.open().await;

    let decision = under_test.decide_one(&under_test.denied).await;

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
        let decision = under_test.decide_one(request).await;

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
    let under_test = fixture.open().await;
    let PolicyUnderTest { allowed, denied, .. } = &under_test;

    let first = (under_test.decide_one(allowed).await, under_test.decide_one(denied).await);
    let second = (under_test.decide_one(allowed).await, under_test.decide_one(denied).await);

    assert_eq!(first, second);
}

/// A decision about one request cannot be taken for that about another.
pub async fn requests_that_differ_have_digests_that_differ<F>(fixture: F)
where
    F: Fixture<Port = PolicyUnderTest>,
{
    let under_test = fixture.open().await;
    let mut other = under_test.allowed.clone();
    other.context["other"] = true.into();

    let one = under_test.decide_one(&under_test.allowed).await;
    let two = under_test.decide_one(&other).await;

    assert_ne!(one.input, two.input);
    assert!(one.answers(&under_test.allowed) && !one.answers(&other));
}

/// Of many requests at once each gets its decision, at its place.
pub async fn many_requests_are_decided_in_their_order<F>(fixture: F)
where
    F: Fixture<Port = PolicyUnderTest>,
{
    let under_test = fixture.open().await;
    let requests = under_test.many(100);

    let decisions = under_test.decide(&requests).await;

    assert_eq!(decisions.len(), requests.len());
    for (number, (decision, request)) in decisions.iter().zip(&requests).enumerate() {
        assert!(decision.answers(request), "{number}: {decision:?}");
        assert_eq!(decision.allow, !number.is_multiple_of(3), "{number}: {decision:?}");
    }
}

/// A denial beside it changes nothing for a request, nor does the same request twice.
pub async fn request_is_decided_by_itself_whatever_it_is_asked_with<F>(fixture: F)
where
    F: Fixture<Port = PolicyUnderTest>,
{
    let under_test = fixture.open().await;
    let PolicyUnderTest { allowed, denied, .. } = &under_test;
    let requests = [denied, allowed, denied, allowed, allowed].map(Clone::clone);

    let together = under_test.decide(&requests).await;

    for (decision, request) in together.iter().zip(&requests) {
        assert_eq!(*decision, under_test.decide_one(request).await);
    }
}

/// Many callers at once do not get each other's decisions.
pub async fn requests_at_the_same_time_get_their_own_decisions<F>(fixture: F)
where
    F: Fixture<Port = PolicyUnderTest>,
{
    let under_test = fixture.open().await;
    let requests = under_test.many(64);

    let asked = requests.chunks(4).map(|chunk| under_test.decide(chunk));
    let decided = at_once(&fixture, asked).await;

    let decided: Vec<Decision> = decided.into_iter().flatten().collect();
    assert_eq!(decided, under_test.decide(&requests).await);
}

/// Nothing asked, nothing answered.
pub async fn no_request_gets_no_decision<F>(fixture: F)
where
    F: Fixture<Port = PolicyUnderTest>,
{
    let under_test = fixture.open().await;

    assert_eq!(under_test.decide(&[]).await, []);
}
