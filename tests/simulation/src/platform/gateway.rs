//! A gateway that clients can lose.

use std::ops::Deref;

use soma_core::flows::stop::Stop;

/// A running gateway, as its clients see it.
#[derive(Clone, Debug)]
pub struct Gateway {
    inner: soma_services::Gateway,
    /// Given when it is gone: connections break.
    pub gone: Stop,
    /// Given when it stops: streams end.
    pub stopping: Stop,
}

impl Gateway {
    /// A gateway that is there until `gone`, and ends its streams when it is `stopping`.
    pub const fn new(inner: soma_services::Gateway, gone: Stop, stopping: Stop) -> Self {
        Self { inner, gone, stopping }
    }
}

impl Deref for Gateway {
    type Target = soma_services::Gateway;

    fn deref(&self) -> &soma_services::Gateway {
        &self.inner
    }
}
