//! The gateway without its sockets: what its routes call, and the tail that feeds its streams.

use std::sync::Arc;

use async_trait::async_trait;
use soma_core::flows::cancel_turn::CancelTurn;
use soma_core::flows::delete_session::DeleteSession;
use soma_core::flows::follow_session::FollowSession;
use soma_core::flows::hub::Hub;
use soma_core::flows::list_sessions::ListSessions;
use soma_core::flows::read_session::ReadSession;
use soma_core::flows::request_tool::RequestTool;
use soma_core::flows::service::Service;
use soma_core::flows::stop::Stop;
use soma_core::flows::submit_message::SubmitMessage;
use soma_core::flows::tail_outbound::TailOutbound;
use soma_core::flows::world::World;

use super::ports::Ports;
use super::services::Settings;

/// A running gateway, as its clients see it.
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
    /// What it knows of the streams.
    pub hub: Hub,
    /// Given when it is gone: connections break.
    pub gone: Stop,
    tail: TailOutbound,
}

impl Gateway {
    /// Puts it together; `stop` ends its streams.
    pub fn new(ports: &Ports, settings: &Settings, world: &World, stop: &Stop) -> Self {
        let hub = Hub::new();
        let store = || Arc::clone(&ports.store);
        let limits = Arc::clone(&ports.limits);
        let (policy, specs) = (Arc::clone(&ports.policy), ports.tools.specs());
        Self {
            submit: SubmitMessage::new(store(), limits, settings.rate, world.clone()),
            follow: FollowSession::new(store(), hub.clone(), world.clone(), stop.clone()),
            cancel: CancelTurn::new(store(), world.clone()),
            delete: DeleteSession::new(store(), Arc::clone(&ports.memory), world.clone()),
            read: ReadSession::new(store()),
            list: ListSessions::new(store()),
            request_tool: RequestTool::new(store(), policy, specs, world.clone()),
            tail: TailOutbound::new(Arc::clone(&ports.log), hub.clone(), world.clone()),
            hub,
            gone: Stop::new(),
        }
    }
}

#[async_trait]
impl Service for Gateway {
    fn name(&self) -> &'static str {
        "gateway"
    }

    async fn run(&self, stop: &Stop) {
        self.tail.run(stop).await;
    }
}

soma_core::opaque_debug!(Gateway);
