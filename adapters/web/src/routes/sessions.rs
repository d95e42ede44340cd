//! Sessions: listed, read, cancelled, deleted.

use actix_web::http::Method;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};
use soma_core::conversation::event::Seq;
use soma_core::flows::list_sessions::MAX_PAGE;
use soma_core::flows::read_session::MAX_EVENTS;
use soma_core::work::session::Session;

use super::{Endpoint, session_of};
use crate::authenticate::Caller;
use crate::error::Problem;
use crate::fields::Fields;
use crate::gateway::Gateway;
use crate::openapi::schema;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::at("/v1/sessions").on(Method::GET, list_sessions),
        Endpoint::at("/v1/sessions/{session_id}")
            .on(Method::GET, read_session)
            .on(Method::DELETE, delete_session),
        Endpoint::at("/v1/sessions/{session_id}/events").on(Method::GET, read_events),
        Endpoint::at("/v1/sessions/{session_id}/history").on(Method::GET, read_history),
        Endpoint::at("/v1/sessions/{session_id}/cancel").on(Method::POST, cancel_turn),
    ]
}

/// Lists the sessions, those with the newest events first.
#[utoipa::path(
    get, path = "/v1/sessions", tag = "sessions",
    params(
        ("after" = Option<String>, Query, description = "The `next_cursor` of the page before"),
        ("limit" = Option<usize>, Query, description = "1 to 200 sessions; 50 if not said"),
    ),
    responses(
        (status = 200, body = schema::SessionPage, description = "A page"),
        (status = "default", response = schema::Problem),
    ),
)]
pub(crate) async fn list_sessions(
    caller: Caller,
    gateway: Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let mut query = Fields::of_query(request.query_string());
    let after: Option<String> = query.optional("after");
    let limit = limit(&mut query, 50, MAX_PAGE);
    query.check()?;
    let page = gateway.list_sessions.run(&caller.0, after.as_deref(), limit).await?;
    let items: Vec<_> = page.items.iter().map(view).collect();
    Ok(HttpResponse::Ok().json(json!({"items": items, "next_cursor": page.next})))
}

/// Reads a session.
#[utoipa::path(
    get, path = "/v1/sessions/{session_id}", tag = "sessions", params(schema::SessionPath),
    responses(
        (status = 200, body = schema::Session, description = "The session"),
        (status = "default", response = schema::Problem),
    ),
)]
pub(crate) async fn read_session(
    caller: Caller,
    gateway: Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let session = gateway.read_session.run(&caller.0, session_of(&request)?).await?;
    Ok(HttpResponse::Ok().json(view(&session)))
}

/// Deletes a session with everything that was said and remembered in it.
#[utoipa::path(
    delete, path = "/v1/sessions/{session_id}", tag = "sessions", params(schema::SessionPath),
    responses(
        (status = 204, description = "It is gone"),
        (status = "default", response = schema::Problem),
    ),
)]
pub(crate) async fn delete_session(
    caller: Caller,
    gateway: Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    gateway.delete_session.run(&caller.0, session_of(&request)?).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Reads the durable events of a session, oldest first.
#[utoipa::path(
    get, path = "/v1/sessions/{session_id}/events", tag = "sessions",
    params(
        schema::SessionPath,
        ("after" = Option<u64>, Query, description = "Only events after this number"),
        ("limit" = Option<usize>, Query, description = "1 to 500 events; 100 if not said"),
    ),
    responses(
        (status = 200, body = schema::EventPage, description = "A page"),
        (status = "default", response = schema::Problem),
    ),
)]
pub(crate) async fn read_events(
    caller: Caller,
    gateway: Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let session = session_of(&request)?;
    let mut query = Fields::of_query(request.query_string());
    let after = Seq(query.text("after").unwrap_or_default());
    let limit = limit(&mut query, 100, MAX_EVENTS);
    query.check()?;
    let events = gateway.read_session.events(&caller.0, session, after, limit).await?;
    let next = events.last().filter(|_| events.len() == limit).map(|event| event.seq);
    let page = json!({"session_id": session, "events": events, "next_cursor": next});
    Ok(HttpResponse::Ok().json(page))
}

/// Reads what was said in a session: its newest messages, answers and failures, oldest first.
#[utoipa::path(
    get, path = "/v1/sessions/{session_id}/history", tag = "sessions",
    params(schema::SessionPath),
    responses(
        (status = 200, body = schema::History, description = "What was said"),
        (status = "default", response = schema::Problem),
    ),
)]
pub(crate) async fn read_history(
    caller: Caller,
    gateway: Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let session = session_of(&request)?;
    let events = gateway.read_session.history(&caller.0, session).await?;
    Ok(HttpResponse::Ok().json(json!({"session_id": session, "events": events})))
}

/// Cancels the running turn and those that wait behind it.
#[utoipa::path(
    post, path = "/v1/sessions/{session_id}/cancel", tag = "sessions",
    params(schema::SessionPath),
    responses(
        (status = 202, body = schema::Cancelled, description = "Each turn gets its terminal event"),
        (status = "default", response = schema::Problem),
    ),
)]
pub(crate) async fn cancel_turn(
    caller: Caller,
    gateway: Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let session = session_of(&request)?;
    gateway.cancel_turn.run(&caller.0, session).await?;
    Ok(HttpResponse::Accepted().json(json!({"status": "accepted", "session_id": session})))
}

fn limit(query: &mut Fields, default: usize, most: usize) -> usize {
    match query.text::<usize>("limit") {
        Some(limit) if (1..=most).contains(&limit) => limit,
        Some(_) => {
            query.wrong::<()>("limit", format!("must be from 1 to {most}"));
            default
        }
        None => default,
    }
}

fn view(session: &Session) -> Value {
    json!({
        "session_id": session.session_id,
        "persona_id": session.persona_id,
        "created_at": session.created_at,
        "updated_at": session.updated_at,
        "chain": session.chain,
        "turns_accepted": session.turns_accepted,
        "turns_done": session.turns_done,
    })
}
