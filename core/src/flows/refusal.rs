//! Why a client's request is not done, by what the client can do about it.

use std::time::Duration;

use crate::ports::PortError;

/// What is wrong with one field of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldProblem {
    /// The field's name.
    pub field: String,
    /// What is wrong, for people.
    pub problem: String,
}

/// Why a client's request is not done.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Something in it is wrong; nothing was written.
    #[error("the request is invalid")]
    Invalid(Vec<FieldProblem>),
    /// Something in it is too large; nothing was written.
    #[error("{field} is larger than {limit} bytes")]
    TooLarge {
        /// The field's name.
        field: &'static str,
        /// The most bytes it may have.
        limit: usize,
    },
    /// There is no such session, or none of this tenant.
    #[error("there is no such session")]
    NoSession,
    /// There is no such tool.
    #[error("there is no such tool")]
    NoTool,
    /// There is no such dead letter of this topic.
    #[error("there is no such dead letter")]
    NoLetter,
    /// A turn of the session is running, and the client did not want to wait.
    #[error("the session is busy")]
    Busy,
    /// The idempotency key was used for another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// The place in the stream lies beyond its end: it is of another session, or of no session.
    #[error("there is no such place in this session's stream")]
    NoSuchPosition,
    /// Policy does not allow it.
    #[error("policy does not allow this: {0}")]
    Denied(String),
    /// Too many requests.
    #[error("too many requests")]
    TooMany(Duration),
    /// Too much work waits in all; it may be less then.
    #[error("too much work is waiting")]
    Overloaded(Duration),
    /// A port could not do its part.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl Refusal {
    /// One field is wrong.
    pub fn invalid(field: &str, problem: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldProblem { field: field.into(), problem: problem.into() }])
    }
}
