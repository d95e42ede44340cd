//! Sessions: listed, read, cancelled, deleted.

use actix_web::http::Method;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::{Value, json};
use soma_core::conversation::event::Seq;
use soma_core::flows::list_sessions::MAX_PAGE;
use soma_core::flows::read_session::MAX_EVENTS;
use soma_core::flows::refusal::Refusal;
use soma_core::identity::Principal;
use soma_core::ids::SessionId;
use soma_core::work::session::Session;
use utoipa::ToSchema;

use super::{Endpoint, limit, number, session_of};
use crate::authenticate::Caller;
use crate::error::Problem;
use crate::fields::Fields;
use crate::gateway::Gateway;
use crate::openapi::{params, schema};

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
    params(params::SessionsQuery),
    responses(
        (status = 200, body = schema::SessionPage, description = "A page"),
        schema::Refused,
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
    get, path = "/v1/sessions/{session_id}", tag = "sessions", params(params::SessionPath),
    responses(
        (status = 200, body = schema::Session, description = "The session"),
        schema::Refused,
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
    delete, path = "/v1/sessions/{session_id}", tag = "sessions", params(params::SessionPath),
    responses(
        (status = 204, description = "It is gone"),
        schema::Refused,
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
    params(params::SessionPath, params::EventsQuery),
    responses(
        (status = 200, body = schema::EventPage, description = "A page"),
        schema::Refused,
    ),
)]
pub(crate) async fn read_events(
    caller: Caller,
    gateway: Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let session = session_of(&request)?;
    let mut query = Fields::of_query(request.query_string());
    let after = Seq(number(&mut query, "after").unwrap_or_default());
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
    params(params::SessionPath),
    responses(
        (status = 200, body = schema::History, description = "What was said"),
        schema::Refused,
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

/// Cancels the running turn. Those that wait behind it go on.
#[utoipa::path(
    post, path = "/v1/sessions/{session_id}/cancel", tag = "sessions",
    params(params::SessionPath, params::CancelQuery),
    responses(
        (status = 202, body = schema::Cancelled, description = "Each turn gets its terminal event"),
        schema::Refused,
    ),
)]
pub(crate) async fn cancel_turn(
    caller: Caller,
    gateway: Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let session = session_of(&request)?;
    let mut query = Fields::of_query(request.query_string());
    let turns = query.optional::<Turns>("turns").unwrap_or_default();
    query.check()?;
    turns.cancel(&gateway, &caller.0, session).await?;
    Ok(HttpResponse::Accepted().json(json!({"status": "accepted", "session_id": session})))
}

/// Which turns are to be cancelled.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Turns {
    /// The one that runs.
    #[default]
    Running,
    /// Also those that wait.
    All,
}

impl Turns {
    /// Asks for them to be cancelled.
    pub(super) async fn cancel(
        self,
        gateway: &Gateway,
        caller: &Principal,
        session: SessionId,
    ) -> Result<(), Refusal> {
        match self {
            Self::Running => gateway.cancel_turn.run(caller, session).await,
            Self::All => gateway.cancel_turn.run_all(caller, session).await,
        }
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
