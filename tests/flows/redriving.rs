//! Dead letters: seen, redriven once their cause is gone, and dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use soma_core::conversation::event::EventType::AssistantFinal;
use soma_core::flows::operate_dead_letters::{RedriveReport, Selection};
use soma_core::flows::refusal::Refusal;
use soma_core::ids::{SessionId, TenantId};
use soma_core::memory::{MemoryHit, MemoryWrite, RecallQuery};
use soma_core::outbox::message::Record;
use soma_core::outbox::partition::Partition;
use soma_core::outbox::redrive::NotRedrivable;
use soma_core::outbox::topic::Topic;
use soma_core::policy::Action;
use soma_core::policy::action::AdminArea;
use soma_core::ports::dead_letters::KeptLetter;
use soma_core::ports::{Log, Memory, PortError, PortResult};
use soma_decorators::{Publish, PublishedBy};
use soma_inproc::{InprocLog, Script, StaticPolicy};
use soma_tests::platform::{Unit, check, principal};

use crate::house::{House, Plan};

const INBOUND: Topic = Topic::ConversationInbound;
const ALL: Selection = Selection::Oldest(100);

/// Whether something is wrong, which an operator can put right.
#[derive(Clone, Default)]
struct Cause(Arc<AtomicBool>);

impl Cause {
    fn begun() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }

    fn is_gone(&self) {
        self.0.store(false, Ordering::SeqCst);
    }

    fn refuse(&self) -> PortResult<()> {
        if self.0.load(Ordering::SeqCst) {
            return Err(PortError::Broken { what: "a record", source: "too large".into() });
        }
        Ok(())
    }
}

/// No accepted message is ever taken.
#[async_trait]
impl Publish for Cause {
    async fn publish(
        &self,
        log: &dyn Log,
        topic: Topic,
        partition: Partition,
        records: Vec<Record>,
    ) -> PortResult<u64> {
        if topic == INBOUND {
            self.refuse()?;
        }
        log.publish(topic, partition, records).await
    }
}

/// A memory that takes nothing.
struct Refusing(Cause, Arc<dyn Memory>);

#[async_trait]
impl Memory for Refusing {
    async fn remember(&self, writes: &[MemoryWrite]) -> PortResult<Vec<PortResult<()>>> {
        match self.0.refuse() {
            Ok(()) => self.1.remember(writes).await,
            Err(_) => Ok(writes.iter().map(|_| self.0.refuse()).collect()),
        }
    }

    async fn recall(&self, query: &RecallQuery) -> PortResult<Vec<MemoryHit>> {
        self.1.recall(query).await
    }

    async fn forget_session(&self, tenant: &TenantId, session: SessionId) -> PortResult<()> {
        self.1.forget_session(tenant, session).await
    }
}

/// A house whose log takes no accepted message until the cause is gone.
fn with_messages_not_taken() -> (House, Cause) {
    let cause = Cause::begun();
    let plan = Plan::saying("Here I am.");
    let log = Arc::new(InprocLog::new(Arc::clone(&plan.stage.timer)));
    (plan.over(&Arc::new(PublishedBy::new(log, cause.clone()))).open(), cause)
}

async fn letters(house: &House, topic: Topic) -> Vec<KeptLetter> {
    let gateway = house.platform.gateway().unwrap();
    let operator = principal("operators");
    gateway.dead_letters.list(&operator, Some(topic), None, 100).await.unwrap()
}

async fn redrive(house: &House, topic: Topic, which: Selection) -> RedriveReport {
    let gateway = house.platform.gateway().unwrap();
    gateway.dead_letters.redrive(&principal("operators"), topic, which).await.unwrap()
}

fn redriven(count: u64) -> RedriveReport {
    RedriveReport { redriven: count, ..RedriveReport::default() }
}

#[tokio::test(start_paused = true)]
async fn message_that_was_not_taken_is_redriven_once_its_cause_is_gone_and_answered_once() {
    let (house, cause) = with_messages_not_taken();
    let mut client = house.client();
    client.say("Hello?").await;
    client.for_a_while(Duration::from_secs(3)).await;
    let set_aside = letters(&house, INBOUND).await;

    cause.is_gone();
    let first = redrive(&house, INBOUND, ALL).await;
    let second = redrive(&house, INBOUND, Selection::These(vec![set_aside[0].id])).await;
    client.until_ended(1).await;

    assert_eq!(set_aside.len(), 1);
    assert!(set_aside[0].letter.payload.contains("Hello?"));
    assert_eq!(set_aside[0].letter.tenant.as_ref(), Some(&client.principal.tenant));
    assert_eq!(first, redriven(1));
    assert_eq!(second, RedriveReport { gone: 1, ..redriven(0) });
    assert_eq!(letters(&house, INBOUND).await, []);
    // Also after it would have been found to be overdue.
    client.for_a_while(Duration::from_mins(3)).await;
    assert_eq!(client.view.count(AssistantFinal), 1);
    assert_eq!(house.model.requests().len(), 1);
    check(&house.platform, &client.principal).await;
}

#[tokio::test(start_paused = true)]
async fn letter_that_is_redriven_too_soon_is_a_letter_again() {
    let (house, cause) = with_messages_not_taken();
    let mut client = house.client();
    client.say("Hello?").await;
    client.for_a_while(Duration::from_secs(3)).await;
    let before = letters(&house, INBOUND).await;

    let too_soon = redrive(&house, INBOUND, ALL).await;
    client.for_a_while(Duration::from_secs(3)).await;
    let again = letters(&house, INBOUND).await;
    cause.is_gone();
    let in_time = redrive(&house, INBOUND, ALL).await;
    client.until_ended(1).await;

    assert_eq!((too_soon, in_time), (redriven(1), redriven(1)));
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].letter.payload, before[0].letter.payload);
    assert!(again[0].place > before[0].place);
    assert_eq!(house.model.requests().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn memory_that_was_refused_is_redriven_and_remembered_once() {
    let cause = Cause::begun();
    let house = Plan::saying("I will.")
        .with(|plan| {
            let inner = Arc::clone(&plan.ports.memory);
            plan.ports.memory = Arc::new(Refusing(cause.clone(), inner));
        })
        .open();
    let mut client = house.client();
    client.ask_and_wait("Remember this.").await;
    client.for_a_while(Duration::from_secs(5)).await;
    let set_aside = letters(&house, Topic::MemoryWal).await;
    let before = house.remembered(&client).await;

    cause.is_gone();
    let report = redrive(&house, Topic::MemoryWal, ALL).await;
    client.for_a_while(Duration::from_secs(5)).await;

    assert_eq!((set_aside.len(), before, report), (2, 0, redriven(2)));
    assert_eq!(house.remembered(&client).await, 2);
    let replicated = check(&house.platform, &client.principal).await.replicated;
    assert_eq!(replicated, 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_left_of_a_turn_is_not_redriven_and_can_be_dropped() {
    let plan = Plan::new(|_, _| Script::answer("Once upon a time."));
    let ledger = Arc::clone(&plan.stage.ledger);
    let house = plan
        .open_with(&Unit::ALL.into_iter().filter(|unit| *unit != Unit::Worker).collect::<Vec<_>>());
    let mut client = house.client();
    let bad = client.say("Tell me a story.").await;
    ledger.damage_last_input(bad.turn_id);
    house.platform.start(Unit::Worker);
    client.until_ended(1).await;
    let id = letters(&house, INBOUND).await[0].id;

    let report = redrive(&house, INBOUND, Selection::These(vec![id])).await;
    let gateway = house.platform.gateway().unwrap();
    let dropped = gateway.dead_letters.drop_letters(&principal("operators"), INBOUND, ALL).await;

    assert_eq!((report.redriven, report.gone), (0, 0));
    assert_eq!(report.refused[0].reason, NotRedrivable::NoMessage);
    assert_eq!(dropped.unwrap(), 1);
    assert_eq!(letters(&house, INBOUND).await, []);
}

#[tokio::test(start_paused = true)]
async fn letters_of_another_topic_are_neither_shown_nor_redriven_nor_dropped() {
    let (house, _) = with_messages_not_taken();
    let mut client = house.client();
    client.say("Hello?").await;
    client.for_a_while(Duration::from_secs(3)).await;
    let id = letters(&house, INBOUND).await[0].id;
    let flow = house.platform.gateway().unwrap().dead_letters.clone();
    let (operator, other) = (principal("operators"), Topic::ToolResults);

    let shown = flow.show(&operator, other, id).await;
    let report = redrive(&house, other, Selection::These(vec![id])).await;
    let dropped = flow.drop_letters(&operator, other, Selection::These(vec![id])).await;

    assert!(matches!(shown, Err(Refusal::NoLetter)), "{shown:?}");
    assert_eq!(report, RedriveReport { gone: 1, ..redriven(0) });
    assert_eq!(dropped.unwrap(), 0);
    assert_eq!(flow.show(&operator, INBOUND, id).await.unwrap().id, id);
}

#[tokio::test(start_paused = true)]
async fn operators_are_asked_for_by_policy_and_every_decision_is_kept() {
    let admin = Action::Admin(AdminArea::DeadLetters);
    let denied = StaticPolicy::allow_all().deny(admin, "not on my watch");
    let plan = Plan::saying("Hi.").with(|plan| plan.ports.policy = Arc::new(denied));
    let ledger = Arc::clone(&plan.stage.ledger);
    let house = plan.open();
    let gateway = house.platform.gateway().unwrap();
    let (flow, someone) = (&gateway.dead_letters, principal("acme"));

    let refusals = [
        flow.depth(&someone).await.err(),
        flow.list(&someone, None, None, 10).await.err(),
        flow.show(&someone, INBOUND, uuid::Uuid::nil()).await.err(),
        flow.redrive(&someone, INBOUND, ALL).await.err(),
        flow.drop_letters(&someone, INBOUND, ALL).await.err(),
    ];

    for refusal in refusals {
        let told = matches!(&refusal, Some(Refusal::Denied(why)) if why == "not on my watch");
        assert!(told, "{refusal:?}");
    }
    let kept = ledger.decisions_outside(&someone.tenant);
    assert_eq!(kept.len(), 5);
    assert!(kept.iter().all(|decision| !decision.allow && decision.action == admin));
    let of: Vec<&str> = kept.iter().map(|decision| decision.resource.as_str()).collect();
    let topic = "conversation.inbound.dlq";
    assert_eq!(of, ["*", "*", topic, topic, topic]);
}
