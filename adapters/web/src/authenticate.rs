//! Who is asking: every handler that needs to know takes a [`Caller`], or an [`Operator`].

use actix_web::dev::Payload;
use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderName};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::{FutureExt, LocalBoxFuture};
use soma_core::identity::credentials::Credentials;
use soma_core::identity::{Principal, Scope};

use crate::error::Problem;
use crate::gateway::Gateway;

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// The authenticated caller of a request, who may use conversations and tools.
pub(crate) struct Caller(pub(crate) Principal);

impl FromRequest for Caller {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        async move { Ok(Self(principal(&request, Scope::Chat).await?)) }.boxed_local()
    }
}

/// The authenticated caller of a request, who may operate the platform.
pub(crate) struct Operator(pub(crate) Principal);

impl FromRequest for Operator {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        async move { Ok(Self(principal(&request, Scope::Admin).await?)) }.boxed_local()
    }
}

/// Who makes a request that needs `scope`.
async fn principal(request: &HttpRequest, scope: Scope) -> Result<Principal, Problem> {
    let gateway = request.app_data::<Data<Gateway>>().ok_or_else(Problem::internal)?;
    Ok(gateway.authenticate.run(&credentials(request.headers()), scope).await?)
}

/// What a request shows: a key or a token after `Bearer`, or a key in a header of its own. What else
/// a client says about itself in headers is not looked at, and of two that contradict each other
/// neither counts.
fn credentials(headers: &HeaderMap) -> Credentials {
    let bearer = headers.get_all(AUTHORIZATION).map(|value| {
        let text = value.to_str().unwrap_or_default();
        let (scheme, rest) = text.trim().split_once(' ').unwrap_or_default();
        if scheme.eq_ignore_ascii_case("bearer") {
            Credentials::bearer(rest)
        } else {
            Credentials::None
        }
    });
    let keys = headers.get_all(X_API_KEY).map(|value| match value.to_str().unwrap_or_default() {
        "" => Credentials::None,
        key => Credentials::ApiKey(key.trim().into()),
    });
    let mut shown = bearer.chain(keys);
    let Some(first) = shown.next() else { return Credentials::None };
    if shown.all(|other| other == first) { first } else { Credentials::None }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn shown(headers: &[(&'static str, &'static str)]) -> Credentials {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        credentials(&map)
    }

    #[test]
    fn keys_and_tokens_are_read_where_clients_put_them() {
        let key = || Credentials::ApiKey("sk_a_b".into());

        assert_eq!(shown(&[]), Credentials::None);
        assert_eq!(shown(&[("authorization", "Bearer sk_a_b")]), key());
        assert_eq!(shown(&[("authorization", "bearer  sk_a_b ")]), key());
        assert_eq!(shown(&[("x-api-key", "sk_a_b")]), key());
        assert_eq!(shown(&[("authorization", "Bearer ey.x")]), Credentials::Token("ey.x".into()));
    }

    #[test]
    fn what_cannot_be_read_or_contradicts_itself_does_not_count() {
        for headers in [
            &[("authorization", "Basic YTpi")][..],
            &[("authorization", "Bearer")],
            &[("authorization", "Bearer sk_a_b"), ("x-api-key", "sk_c_d")],
            &[("authorization", "Bearer sk_a_b"), ("authorization", "Bearer sk_c_d")],
            &[("x-api-key", "")],
            &[("x-tenant", "acme"), ("x-user", "admin")],
        ] {
            assert_eq!(shown(headers), Credentials::None, "{headers:?}");
        }
        let twice = [("authorization", "Bearer sk_a_b"), ("x-api-key", "sk_a_b")];
        assert_eq!(shown(&twice), Credentials::ApiKey("sk_a_b".into()));
    }
}
