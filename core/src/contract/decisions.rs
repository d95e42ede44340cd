//! The suite of [`Decisions`](crate::ports::Decisions).
#![expect(missing_docs, reason = "the name of a case is its sentence")]

use serde_json::json;

use super::Fixture;
use super::ledger::{Ledger, NOW};
use super::talk::{Talk, talk_of};
use crate::policy::action::AdminArea;
use crate::policy::{Action, Decision, PolicyRequest};

super::suite! { decisions:
    decisions_are_kept_for_their_tenant_in_their_order,
    decisions_survive_a_restart,
}

/// What is decided about an operator of a tenant.
fn decision(talk: &Talk, resource: &str, allow: bool) -> Decision {
    let request = PolicyRequest {
        tenant: talk.tenant.clone(),
        persona_id: None,
        action: Action::Admin(AdminArea::DeadLetters),
        resource: resource.into(),
        context: json!({"scopes": ["admin"]}),
    };
    let reasons = if allow { Vec::new() } else { vec!["not \"today\"".into()] };
    Decision::new(&request, allow, reasons)
}

pub async fn decisions_are_kept_for_their_tenant_in_their_order(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, ours, theirs) = (fixture.open().await, talk_of("acme", 1), talk_of("globex", 2));
    let [a, b, c] = [("a", true), ("b", false), ("c", true)]
        .map(|(resource, allow)| decision(&ours, resource, allow));
    let other = decision(&theirs, "x", true);

    ledger.decisions.record(&ours.tenant, &[a.clone(), b.clone()], NOW).await.unwrap();
    ledger.decisions.record(&theirs.tenant, std::slice::from_ref(&other), NOW).await.unwrap();
    ledger.decisions.record(&ours.tenant, std::slice::from_ref(&c), NOW).await.unwrap();

    assert_eq!(ledger.inspect.decisions(&ours.tenant).await, [a, b, c]);
    assert_eq!(ledger.inspect.decisions(&theirs.tenant).await, [other]);
}

pub async fn decisions_survive_a_restart<F: Fixture<Port = Ledger>>(fixture: F) {
    let (ledger, talk) = (fixture.open().await, talk_of("acme", 1));
    let made = vec![decision(&talk, "a", true)];
    ledger.decisions.record(&talk.tenant, &made, NOW).await.unwrap();
    drop(ledger);

    let ledger = fixture.open().await;

    let expected = if F::DURABLE { made } else { Vec::new() };
    assert_eq!(ledger.inspect.decisions(&talk.tenant).await, expected);
}
