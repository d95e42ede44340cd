//! Asking the policy engine, where no decision is a denial.

use super::persist::retry;
use super::world::World;
use crate::policy::{Decision, PolicyRequest};
use crate::ports::{Policy, PortError, PortResult};

/// A decision for each of the requests, in their order, from one call; denials if there is none.
pub(super) async fn decide(
    policy: &dyn Policy,
    world: &World,
    requests: &[PolicyRequest],
    tries: u32,
) -> Vec<Decision> {
    let decided = try_decide(policy, world, requests, tries).await;
    decided.unwrap_or_else(|_| requests.iter().map(Decision::unreachable).collect())
}

/// A decision for each of the requests, for a caller who tells why there is none.
pub(super) async fn try_decide(
    policy: &dyn Policy,
    world: &World,
    requests: &[PolicyRequest],
    tries: u32,
) -> PortResult<Vec<Decision>> {
    let decided = retry(world, tries, || policy.decide(requests)).await;
    let decided = decided.and_then(|decisions| {
        if answer(&decisions, requests) { Ok(decisions) } else { Err(other_question()) }
    });
    if let Err(error) = &decided {
        tracing::warn!(%error, "no policy decision: denied");
    }
    decided
}

/// Whether there is a decision for each request, and each is the right one's.
fn answer(decisions: &[Decision], requests: &[PolicyRequest]) -> bool {
    let mut pairs = decisions.iter().zip(requests);
    decisions.len() == requests.len() && pairs.all(|(decision, request)| decision.answers(request))
}

fn other_question() -> PortError {
    let source = "it did not answer what it was asked".into();
    PortError::Broken { what: "the policy engine", source }
}
