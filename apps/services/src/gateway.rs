//! The gateway without its sockets: its use cases, and the tail that feeds its streams.

use std::sync::Arc;

use async_trait::async_trait;
use soma_core::flows::cancel_turn::CancelTurn;
use soma_core::flows::delete_session::DeleteSession;
use soma_core::flows::follow_session::FollowSession;
use soma_core::flows::hub::Hub;
use soma_core::flows::list_sessions::ListSessions;
use soma_core::flows::operate_dead_letters::OperateDeadLetters;
use soma_core::flows::overload::Gate;
use soma_core::flows::read_session::ReadSession;
use soma_core::flows::request_tool::RequestTool;
use soma_core::flows::service::Service;
use soma_core::flows::stop::Stop;
use soma_core::flows::submit_message::SubmitMessage;
use soma_core::flows::tail_outbound::TailOutbound;
use soma_core::work::commit::WorkKind;

use crate::composition::Composition;
use crate::unit::Unit;

/// A gateway, as its clients see it. While it [runs](Service::run), streams are fed.
#[derive(Clone)]
#[expect(missing_docs, reason = "each is the use case of its name")]
pub struct Gateway {
    pub submit: SubmitMessage,
    pub follow: FollowSession,
    pub cancel: CancelTurn,
    pub delete: DeleteSession,
    pub read: ReadSession,
    pub list: ListSessions,
    pub request_tool: RequestTool,
    pub dead_letters: OperateDeadLetters,
    /// What it knows of running answers.
    pub hub: Hub,
    tail: TailOutbound,
}

impl Gateway {
    pub(crate) fn new(composition: &Composition, hub: &Hub, stop: &Stop) -> Self {
        let Composition { ports, settings, world } = composition;
        let (store, world) = (|| Arc::clone(&ports.store), || world.clone());
        let (limits, policy) = (Arc::clone(&ports.limits), Arc::clone(&ports.policy));
        let gate = |kind| {
            let gate = |limits| Gate::new(Arc::clone(&ports.work), kind, limits, world());
            settings.backlog.map(gate).map(Arc::new)
        };
        let tools = Arc::clone(&ports.tools);
        Self {
            submit: SubmitMessage::new(store(), limits, settings.rate, world())
                .behind(gate(WorkKind::Turns)),
            follow: FollowSession::new(store(), hub.clone(), stop.clone()),
            cancel: CancelTurn::new(store(), world()),
            delete: DeleteSession::new(store(), Arc::clone(&ports.memory), hub.clone(), world()),
            read: ReadSession::new(store()),
            list: ListSessions::new(store()),
            request_tool: RequestTool::new(store(), policy, tools, world())
                .behind(gate(WorkKind::Calls)),
            dead_letters: OperateDeadLetters::new(
                Arc::clone(&ports.dead_letters),
                Arc::clone(&ports.policy),
                Arc::clone(&ports.decisions),
                world(),
            ),
            tail: TailOutbound::new(Arc::clone(&ports.log), store(), hub.clone(), world()),
            hub: hub.clone(),
        }
    }
}

#[async_trait]
impl Service for Gateway {
    fn name(&self) -> &'static str {
        Unit::Gateway.name()
    }

    async fn run(&self, stop: &Stop) {
        self.tail.run(stop).await;
    }
}

soma_core::opaque_debug!(Gateway);
