//! What went wrong at the broker or on the way to it, and what may be concluded from it.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use rskafka::client::error::{Error, ProtocolError, RequestError};
use soma_core::ports::PortError;

/// Why a call came to nothing. Many who asked for one thing together are told the same.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// There was no connection: nothing was asked.
    #[error("no connection to Kafka")]
    NoConnection(#[source] Arc<Self>),
    /// No answer came in time.
    #[error("no answer of Kafka within {0:?}")]
    NoAnswer(Duration),
    /// There was an answer, or the connection broke.
    #[error(transparent)]
    Kafka(Arc<Error>),
    /// The runtime of this log has ended.
    #[error("the log is closed")]
    Closed,
}

impl From<Error> for CallError {
    fn from(error: Error) -> Self {
        Self::Kafka(Arc::new(error))
    }
}

impl CallError {
    /// What the broker said, if it was that.
    pub(crate) fn protocol(&self) -> Option<ProtocolError> {
        let Error::ServerError { protocol_error, .. } = self.root()? else { return None };
        Some(*protocol_error)
    }

    /// Whether there was an answer that cannot be decoded.
    pub(crate) fn is_undecodable(&self) -> bool {
        matches!(
            self.root(),
            Some(
                Error::Request(
                    RequestError::ReadVersionedError(_)
                        | RequestError::ReadError(_)
                        | RequestError::TooMuchData { .. }
                ) | Error::InvalidResponse(_)
            )
        )
    }

    /// Whether the connection that was used had been closed, or broke.
    pub(crate) fn is_broken_connection(&self) -> bool {
        matches!(
            self.root(),
            Some(
                Error::Connection(_)
                    | Error::Request(RequestError::Poisoned(_) | RequestError::IO(_))
            )
        )
    }

    /// Whether the broker will never take what was to be published.
    pub(crate) fn is_for_good(&self) -> bool {
        self.protocol().map(refusal) == Some(Refusal::ForGood)
    }

    /// What a reader may conclude: reading again harms nothing.
    pub(crate) fn reading(self) -> PortError {
        PortError::Unavailable(Box::new(self))
    }

    /// What a publisher may conclude. Only what is known not to have happened is told so.
    pub(crate) fn publishing(self) -> PortError {
        match &self {
            Self::NoConnection(_) | Self::Closed => PortError::Unavailable(Box::new(self)),
            Self::NoAnswer(_) => PortError::Ambiguous(Box::new(self)),
            Self::Kafka(_) => match self.protocol().map(refusal) {
                Some(Refusal::ForGood) => {
                    PortError::Broken { what: "publishing", source: Box::new(self) }
                }
                Some(Refusal::ForNow) => PortError::Unavailable(Box::new(self)),
                Some(Refusal::Unclear) | None => PortError::Ambiguous(Box::new(self)),
            },
        }
    }

    /// The error itself: rskafka wraps those after which it would try again, which it must not here.
    fn root(&self) -> Option<&Error> {
        let Self::Kafka(error) = self else { return None };
        if let Error::RetryFailed(gave_up) = &**error {
            gave_up.source()?.downcast_ref()
        } else {
            Some(error)
        }
    }
}

/// What a broker's error says about records that were to be appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    /// They were not appended and never will be.
    ForGood,
    /// They were not appended.
    ForNow,
    /// They may have been appended.
    Unclear,
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "an error that is not known to have left the log as it was is unclear"
)]
const fn refusal(error: ProtocolError) -> Refusal {
    match error {
        ProtocolError::MessageTooLarge
        | ProtocolError::RecordListTooLarge
        | ProtocolError::InvalidRecord
        | ProtocolError::InvalidTimestamp => Refusal::ForGood,
        ProtocolError::UnknownTopicOrPartition
        | ProtocolError::LeaderNotAvailable
        | ProtocolError::NotLeaderOrFollower
        | ProtocolError::BrokerNotAvailable
        | ProtocolError::ReplicaNotAvailable
        | ProtocolError::NotEnoughReplicas
        | ProtocolError::CorruptMessage
        | ProtocolError::TopicAuthorizationFailed
        | ProtocolError::ClusterAuthorizationFailed
        | ProtocolError::UnsupportedForMessageFormat
        | ProtocolError::UnsupportedCompressionType
        | ProtocolError::PolicyViolation => Refusal::ForNow,
        _ => Refusal::Unclear,
    }
}

#[cfg(test)]
mod tests {
    use rskafka::client::error::RequestContext;

    use super::*;

    fn said(protocol_error: ProtocolError) -> CallError {
        let request = RequestContext::Topic("conversation.inbound".into());
        let (error_message, response, is_virtual) = (None, None, false);
        Error::ServerError { protocol_error, error_message, request, response, is_virtual }.into()
    }

    #[test]
    fn publisher_is_told_only_what_is_known() {
        let broken = |error| matches!(error, PortError::Broken { .. });
        let unavailable = |error| matches!(error, PortError::Unavailable(_));
        let ambiguous = |error| matches!(error, PortError::Ambiguous(_));

        assert!(broken(said(ProtocolError::MessageTooLarge).publishing()));
        assert!(unavailable(said(ProtocolError::NotEnoughReplicas).publishing()));
        assert!(unavailable(said(ProtocolError::TopicAuthorizationFailed).publishing()));
        assert!(ambiguous(said(ProtocolError::NotEnoughReplicasAfterAppend).publishing()));
        assert!(ambiguous(said(ProtocolError::Unknown(999)).publishing()));
        assert!(ambiguous(CallError::NoAnswer(Duration::from_secs(1)).publishing()));
        let gone = CallError::NoConnection(Arc::new(CallError::NoAnswer(Duration::ZERO)));
        assert!(unavailable(gone.publishing()));
    }
}
