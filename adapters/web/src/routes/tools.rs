//! Tools: listed, and asked for by a client.

use actix_web::http::Method;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;
use soma_core::flows::request_tool::NewToolRequest;
use soma_core::ids::SessionId;
use soma_core::outbox::wire::request_event;

use super::Endpoint;
use crate::authenticate::Caller;
use crate::body::Body;
use crate::error::Problem;
use crate::gateway::Gateway;
use crate::openapi::schema;
use crate::trace::Accepting;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::at("/v1/tools").on(Method::GET, list_tools),
        Endpoint::at("/v1/tool/request").on(Method::POST, request_tool),
    ]
}

/// Lists the tools, with the JSON Schemas of their arguments.
#[utoipa::path(
    get, path = "/v1/tools", tag = "tools",
    responses(
        (status = 200, body = schema::Tools, description = "The tools, by name"),
        schema::Refused,
    ),
)]
pub(crate) async fn list_tools(
    caller: Caller,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let tools = gateway.request_tool.tools(&caller.0).await?;
    Ok(HttpResponse::Ok().json(json!({"count": tools.len(), "tools": tools})))
}

/// Asks for a tool, outside any turn. Its result is an event of the session.
#[utoipa::path(
    post, path = "/v1/tool/request", tag = "tools", request_body = schema::ToolRequest,
    responses(
        (status = 202, body = schema::ToolReceipt, description = "It will run, at most once"),
        schema::Refused,
    ),
)]
pub(crate) async fn request_tool(
    caller: Caller,
    gateway: Data<Gateway>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let mut fields = body.0;
    let session_id = fields.required::<SessionId>("session_id");
    let tool_name = fields.required("tool_name");
    let args = fields.given("args").unwrap_or_default();
    fields.finish()?;
    let (Some(session_id), Some(tool_name)) = (session_id, tool_name) else {
        return Err(Problem::internal());
    };
    let accepting = Accepting::begin("POST", "/v1/tool/request", request.headers());
    let trace = accepting.trace();
    let request = NewToolRequest { session_id, tool_name, args, trace };
    let call = accepting.run(gateway.request_tool.run(&caller.0, request)).await?;
    let (status, event) = ("enqueued", request_event(call));
    let receipt = json!({"status": status, "event_id": event, "call_id": call});
    Ok(HttpResponse::Accepted().json(receipt))
}
