//! What stands before every route: foreign hosts and pages are refused, and every answer tells a
//! browser and a proxy to do no more with it than was meant.

use actix_web::Error;
use actix_web::body::{self, BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use actix_web::http::uri::Authority;
use actix_web::middleware::Next;
use actix_web::web::Data;

use crate::connection::Line;
use crate::error::Problem;
use crate::gateway::Gateway;
use crate::hosts::AllowedHosts;
use crate::own_headers::own_headers;

const API_VERSION: HeaderName = HeaderName::from_static("x-api-version");
/// What probes and scrapers ask, by whatever address they know this machine.
const FOR_PROBES: [&str; 3] = ["/healthz", "/readyz", "/metrics"];
/// For answers that are no page: a browser that shows one must run and load nothing.
const NO_CONTENT_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

/// Lets a request through to its route, unless it is for another host or from another origin.
pub(crate) async fn guard(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    own_headers(request.headers_mut());
    let gateway = request.app_data::<Data<Gateway>>().cloned().ok_or_else(Problem::internal)?;
    let line = request.conn_data::<Line>().cloned().unwrap_or_default();
    line.answer();
    let mut response = match check(&gateway.hosts, &request) {
        Ok(()) => next.call(request).await?.map_into_boxed_body(),
        Err(problem) => request.error_response(problem),
    };
    line.listen();
    let problem = response.response().error().and_then(|error| error.as_error::<Problem>());
    if let Some(problem) = problem {
        let request = response.request();
        problem.tell(request.method().as_str(), request.path());
    }
    protect(response.headers_mut());
    let without_body = response.request().method() == Method::HEAD
        && response.response().body().size() == BodySize::Stream;
    Ok(if without_body {
        response.map_body(|_, _| BoxBody::new(body::None::new()))
    } else {
        response
    })
}

fn check(hosts: &AllowedHosts, request: &ServiceRequest) -> Result<(), Problem> {
    let headers = request.headers();
    // A request may name its host twice: in its target, and in a header.
    let target = request.uri().authority().map(Authority::as_str);
    let named = texts(headers, HOST).chain(target.map(Some));
    let mut all = named.map(|host| host.is_some_and(|host| hosts.allow_host(host))).peekable();
    let known = all.peek().is_some() && all.all(|allowed| allowed);
    if !known && !FOR_PROBES.contains(&request.path()) {
        return Err(Problem::foreign_host());
    }
    let mut origins = texts(headers, ORIGIN);
    if !origins.all(|origin| origin.is_some_and(|origin| hosts.allow_origin(origin))) {
        return Err(Problem::foreign_origin());
    }
    Ok(())
}

/// The values of a header; none in place of one that is no text.
fn texts(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = Option<&str>> {
    headers.get_all(name).map(|value| value.to_str().ok())
}

fn protect(headers: &mut HeaderMap) {
    let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
    set(X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(REFERRER_POLICY, "no-referrer");
    set(X_FRAME_OPTIONS, "DENY");
    set(API_VERSION, "v1");
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if !headers.contains_key(CONTENT_SECURITY_POLICY) {
        let policy = HeaderValue::from_static(NO_CONTENT_POLICY);
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
}
