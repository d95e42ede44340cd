//! Who is asking: every handler that needs to know takes a [`Caller`].

use actix_web::dev::Payload;
use actix_web::http::header::HeaderMap;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use async_trait::async_trait;
use futures_util::future::{FutureExt, LocalBoxFuture};
use soma_core::identity::Principal;

use crate::error::Problem;
use crate::gateway::Gateway;

/// Why nobody is asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no valid credentials")]
pub struct Unauthenticated;

/// Tells from a request's headers who makes it.
#[async_trait]
pub trait Authenticate: Send + Sync {
    /// Who makes the request.
    ///
    /// # Errors
    ///
    /// [`Unauthenticated`] if its credentials are missing or not valid.
    async fn principal(&self, headers: &HeaderMap) -> Result<Principal, Unauthenticated>;
}

/// Takes every request for one principal's: for a gateway without login. What a client says about
/// itself in headers is not looked at.
#[derive(Clone, Debug)]
pub struct FixedPrincipal(pub Principal);

#[async_trait]
impl Authenticate for FixedPrincipal {
    async fn principal(&self, _headers: &HeaderMap) -> Result<Principal, Unauthenticated> {
        Ok(self.0.clone())
    }
}

/// The authenticated caller of a request.
pub(crate) struct Caller(pub(crate) Principal);

impl FromRequest for Caller {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        async move {
            let gateway = request.app_data::<Data<Gateway>>().ok_or_else(Problem::internal)?;
            let principal = gateway.authenticate.principal(request.headers()).await;
            principal.map(Self).map_err(|_| Problem::unauthenticated())
        }
        .boxed_local()
    }
}
