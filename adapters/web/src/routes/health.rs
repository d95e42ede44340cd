//! How the process is, for whoever operates it. These need no login.

use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::web::Data;
use serde_json::json;

use super::Endpoint;
use crate::error::Problem;
use crate::health::HealthReport;
use crate::openapi::{self, schema};
use crate::operations::Operations;

pub(super) fn endpoints() -> Vec<Endpoint> {
    let mut endpoints = of_any_process();
    endpoints.push(Endpoint::at("/openapi.json").on(Method::GET, document));
    endpoints
}

/// What a process without a gateway serves, too.
pub(super) fn of_any_process() -> Vec<Endpoint> {
    vec![
        Endpoint::at("/healthz").on(Method::GET, alive),
        Endpoint::at("/readyz").on(Method::GET, ready),
        Endpoint::at("/v1/health").on(Method::GET, report),
        Endpoint::at("/metrics").on(Method::GET, metrics),
    ]
}

/// Answers as long as the process is alive.
#[utoipa::path(
    get, path = "/healthz", tag = "operations",
    responses(
        (status = 200, body = schema::Status, description = "It is alive"),
        schema::Refused,
    ),
)]
pub(crate) async fn alive() -> HttpResponse {
    HttpResponse::Ok().json(json!({"status": "ok"}))
}

/// Says whether requests can be served.
#[utoipa::path(
    get, path = "/readyz", tag = "operations",
    responses(
        (status = 200, body = schema::Status, description = "Requests can be served"),
        (status = 503, response = schema::Refused),
        schema::Refused,
    ),
)]
pub(crate) async fn ready(operations: Data<Operations>) -> Result<HttpResponse, Problem> {
    if let Some(why) = operations.health.not_ready() {
        return Err(Problem::not_ready(why));
    }
    Ok(HttpResponse::Ok().json(json!({"status": "ready"})))
}

/// Says how each component is.
#[utoipa::path(
    get, path = "/v1/health", tag = "operations",
    responses(
        (status = 200, body = HealthReport, description = "Each component, by name"),
        schema::Refused,
    ),
)]
pub(crate) async fn report(operations: Data<Operations>) -> HttpResponse {
    HttpResponse::Ok().json(operations.health.report().await)
}

/// Renders the metrics.
#[utoipa::path(
    get, path = "/metrics", tag = "operations",
    responses(
        (status = 200, body = String, content_type = "text/plain",
            description = "Prometheus text format"),
        schema::Refused,
    ),
)]
pub(crate) async fn metrics(operations: Data<Operations>) -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; version=0.0.4").body((operations.metrics)())
}

/// Describes the interface.
#[utoipa::path(
    get, path = "/openapi.json", tag = "operations",
    responses(
        (status = 200, body = Object, description = "This document"),
        schema::Refused,
    ),
)]
pub(crate) async fn document() -> HttpResponse {
    HttpResponse::Ok().json(openapi::document())
}
