//! What the routes work with.

use std::sync::Arc;

use soma_core::flows::authenticate::Authenticate;
use soma_core::flows::cancel_turn::CancelTurn;
use soma_core::flows::delete_session::DeleteSession;
use soma_core::flows::follow_session::FollowSession;
use soma_core::flows::list_sessions::ListSessions;
use soma_core::flows::operate_dead_letters::OperateDeadLetters;
use soma_core::flows::read_session::ReadSession;
use soma_core::flows::request_tool::RequestTool;
use soma_core::flows::submit_message::SubmitMessage;
use soma_core::ports::Timer;

use crate::health::Health;
use crate::hosts::AllowedHosts;

/// The use cases of a gateway, and what its routes need besides.
#[derive(Clone)]
pub struct Gateway {
    /// Accepts messages.
    pub submit_message: SubmitMessage,
    /// Follows sessions.
    pub follow_session: FollowSession,
    /// Lists sessions.
    pub list_sessions: ListSessions,
    /// Reads sessions.
    pub read_session: ReadSession,
    /// Deletes sessions.
    pub delete_session: DeleteSession,
    /// Cancels turns.
    pub cancel_turn: CancelTurn,
    /// Accepts requests of tools.
    pub request_tool: RequestTool,
    /// Shows, redrives and drops dead letters.
    pub dead_letters: OperateDeadLetters,
    /// Says who is asking.
    pub authenticate: Authenticate,
    /// Says how the parts are.
    pub health: Arc<dyn Health>,
    /// Renders the metrics as Prometheus text.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// The names that the gateway answers to.
    pub hosts: AllowedHosts,
    /// Waits: heartbeats, and clients that say nothing.
    pub timer: Arc<dyn Timer>,
}

soma_core::opaque_debug!(Gateway);
