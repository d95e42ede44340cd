//! Dead letters, for operators: seen, redriven, dropped.

use actix_web::http::Method;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Map, Value, json};
use soma_core::flows::operate_dead_letters::{RedriveReport, Selection};
use soma_core::flows::refusal::Refusal;
use soma_core::outbox::redrive::NotRedrivable;
use soma_core::outbox::topic::Topic;
use soma_core::ports::dead_letters::{KeptLetter, LetterDepth};
use uuid::Uuid;

use super::{Endpoint, limit, number};
use crate::authenticate::Operator;
use crate::body::Body;
use crate::error::Problem;
use crate::fields::Fields;
use crate::gateway::Gateway;
use crate::openapi::{letters, params, schema};

/// The most letters of a page: each may have 256 KiB.
const MAX_PAGE: usize = 100;
/// The most letters of one redrive.
const MAX_REDRIVE: usize = 1_000;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::at("/v1/admin/dlq").on(Method::GET, list_dead_letters),
        Endpoint::at("/v1/admin/dlq/{topic}")
            .on(Method::GET, list_dead_letters_of_topic)
            .on(Method::DELETE, drop_dead_letters),
        Endpoint::at("/v1/admin/dlq/{topic}/redrive").on(Method::POST, redrive_dead_letters),
        Endpoint::at("/v1/admin/dlq/{topic}/{id}")
            .on(Method::GET, read_dead_letter)
            .on(Method::DELETE, drop_dead_letter),
    ]
}

/// Counts the dead letters by topic, and lists them, the newest first.
#[utoipa::path(
    get, path = "/v1/admin/dlq", tag = "operators", params(params::LettersQuery),
    responses(
        (status = 200, body = letters::DeadLetters, description = "The topics, and a page of letters"),
        schema::Refused,
    ),
)]
pub(crate) async fn list_dead_letters(
    operator: Operator,
    gateway: Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let depth = gateway.dead_letters.depth(&operator.0).await?;
    let mut page = page(&gateway, &operator, None, &request).await?;
    page.insert("topics".into(), depth.iter().map(depth_view).collect());
    Ok(HttpResponse::Ok().json(page))
}

/// Lists the dead letters of a topic, the newest first.
#[utoipa::path(
    get, path = "/v1/admin/dlq/{topic}", tag = "operators",
    params(params::TopicPath, params::LettersQuery),
    responses(
        (status = 200, body = letters::DeadLetterPage, description = "A page"),
        schema::Refused,
    ),
)]
pub(crate) async fn list_dead_letters_of_topic(
    operator: Operator,
    gateway: Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let topic = topic_of(&request)?;
    Ok(HttpResponse::Ok().json(page(&gateway, &operator, Some(topic), &request).await?))
}

/// Reads a dead letter.
#[utoipa::path(
    get, path = "/v1/admin/dlq/{topic}/{id}", tag = "operators",
    params(params::TopicPath, params::LetterPath),
    responses(
        (status = 200, body = letters::DeadLetter, description = "The letter"),
        schema::Refused,
    ),
)]
pub(crate) async fn read_dead_letter(
    operator: Operator,
    gateway: Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let (topic, id) = (topic_of(&request)?, id_of(&request)?);
    let kept = gateway.dead_letters.show(&operator.0, topic, id).await?;
    Ok(HttpResponse::Ok().json(view(&kept)))
}

/// Redrives dead letters of a topic: those that are named, or the oldest. What cannot be sent again as
/// it was stays, and the answer says why.
#[utoipa::path(
    post, path = "/v1/admin/dlq/{topic}/redrive", tag = "operators",
    params(params::TopicPath), request_body = letters::Redrive,
    responses(
        (status = 200, body = letters::RedriveReport, description = "What became of them"),
        schema::Refused,
    ),
)]
pub(crate) async fn redrive_dead_letters(
    operator: Operator,
    gateway: Data<Gateway>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let topic = topic_of(&request)?;
    let selection = selection(body.0)?;
    let report = gateway.dead_letters.redrive(&operator.0, topic, selection).await?;
    Ok(HttpResponse::Ok().json(report_view(&report)))
}

/// Drops every dead letter that a topic has, for good.
#[utoipa::path(
    delete, path = "/v1/admin/dlq/{topic}", tag = "operators", params(params::TopicPath),
    responses(
        (status = 200, body = letters::Purged, description = "They are gone"),
        schema::Refused,
    ),
)]
pub(crate) async fn drop_dead_letters(
    operator: Operator,
    gateway: Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let (topic, all) = (topic_of(&request)?, Selection::Oldest(usize::MAX));
    let dropped = gateway.dead_letters.drop_letters(&operator.0, topic, all).await?;
    Ok(HttpResponse::Ok().json(json!({"status": "purged", "deleted": dropped})))
}

/// Drops a dead letter for good.
#[utoipa::path(
    delete, path = "/v1/admin/dlq/{topic}/{id}", tag = "operators",
    params(params::TopicPath, params::LetterPath),
    responses(
        (status = 204, description = "It is gone"),
        schema::Refused,
    ),
)]
pub(crate) async fn drop_dead_letter(
    operator: Operator,
    gateway: Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let (topic, id) = (topic_of(&request)?, id_of(&request)?);
    let this = Selection::These(vec![id]);
    match gateway.dead_letters.drop_letters(&operator.0, topic, this).await? {
        0 => Err(Refusal::NoLetter.into()),
        _ => Ok(HttpResponse::NoContent().finish()),
    }
}

async fn page(
    gateway: &Gateway,
    operator: &Operator,
    topic: Option<Topic>,
    request: &HttpRequest,
) -> Result<Map<String, Value>, Problem> {
    let mut query = Fields::of_query(request.query_string());
    let after = number(&mut query, "after");
    let limit = limit(&mut query, 50, MAX_PAGE);
    query.check()?;
    let found = gateway.dead_letters.list(&operator.0, topic, after, limit).await?;
    let next = found.last().filter(|_| found.len() == limit).map(|kept| kept.place);
    let items = found.iter().map(view).collect();
    Ok(Map::from_iter([("items".into(), items), ("next_cursor".into(), json!(next))]))
}

/// Which letters a body means.
fn selection(mut fields: Fields) -> Result<Selection, Problem> {
    let ids: Option<Vec<Uuid>> = fields.given("ids");
    let limit: Option<usize> = fields.given("limit");
    if ids.as_ref().is_some_and(|ids| ids.len() > MAX_REDRIVE) {
        fields.wrong::<()>("ids", format!("must be at most {MAX_REDRIVE}"));
    }
    if limit.is_some_and(|limit| !(1..=MAX_REDRIVE).contains(&limit)) {
        fields.wrong::<()>("limit", format!("must be from 1 to {MAX_REDRIVE}"));
    }
    if ids.is_some() && limit.is_some() {
        fields.wrong::<()>("limit", "must not be there if ids are named");
    }
    fields.finish()?;
    let oldest = Selection::Oldest(limit.unwrap_or(MAX_REDRIVE));
    Ok(ids.map_or(oldest, Selection::These))
}

/// The topic that a path names, by its own name or by that of its dead letters.
fn topic_of(request: &HttpRequest) -> Result<Topic, Problem> {
    let topic = Topic::parse(request.match_info().get("topic").unwrap_or_default());
    topic.map(Topic::source).ok_or_else(|| Refusal::invalid("topic", "is not a topic").into())
}

fn id_of(request: &HttpRequest) -> Result<Uuid, Problem> {
    let id = request.match_info().get("id").unwrap_or_default().parse::<Uuid>();
    id.map_err(|error| Refusal::invalid("id", error.to_string()).into())
}

fn view(kept: &KeptLetter) -> Value {
    let letter = &kept.letter;
    // An object as one, and anything else as it was written.
    let object = serde_json::from_str::<Map<String, Value>>(&letter.payload);
    json!({
        "id": kept.id,
        "topic": letter.topic.dead_letters(),
        "source_topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "key": letter.key,
        "tenant": letter.tenant,
        "event": object.map_or_else(|_| json!(letter.payload), Value::Object),
        "error": letter.error,
        "created_at": letter.at,
        "not_redrivable": letter.redrivable().err().map(|reason| reason.to_string()),
    })
}

fn depth_view(depth: &LetterDepth) -> Value {
    json!({
        "topic": depth.topic.dead_letters(),
        "source_topic": depth.topic,
        "depth": depth.letters,
        "oldest": depth.oldest,
    })
}

fn report_view(report: &RedriveReport) -> Value {
    let refused = report.refused.iter().map(|refused| {
        let reason: NotRedrivable = refused.reason;
        json!({"id": refused.id, "reason": reason, "detail": reason.to_string()})
    });
    json!({
        "redriven": report.redriven,
        "gone": report.gone,
        "refused": refused.collect::<Vec<_>>(),
    })
}
