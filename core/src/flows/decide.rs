//! Asking the policy engine, where no decision is a denial.

use super::persist::retry;
use super::world::World;
use crate::policy::{Decision, PolicyRequest};
use crate::ports::Policy;

/// A decision for each of the requests, in their order, from one call.
pub(super) async fn decide(
    policy: &dyn Policy,
    world: &World,
    requests: &[PolicyRequest],
    tries: u32,
) -> Vec<Decision> {
    match retry(world, tries, || policy.decide(requests)).await {
        Ok(decisions) if answer(&decisions, requests) => decisions,
        Ok(_) => {
            tracing::error!("the policy engine did not answer what it was asked: denied");
            deny(requests)
        }
        Err(error) => {
            tracing::warn!(%error, "no policy decision: denied");
            deny(requests)
        }
    }
}

/// Whether there is a decision for each request, and each is the right one's.
fn answer(decisions: &[Decision], requests: &[PolicyRequest]) -> bool {
    let mut pairs = decisions.iter().zip(requests);
    decisions.len() == requests.len() && pairs.all(|(decision, request)| decision.answers(request))
}

fn deny(requests: &[PolicyRequest]) -> Vec<Decision> {
    requests.iter().map(Decision::unreachable).collect()
}
