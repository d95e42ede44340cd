//! The description of the interface: OpenAPI 3.1.

pub(crate) mod schema;

use utoipa::OpenApi;

use crate::routes::{health, message, page, sessions, sse, tools, websocket};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Soma gateway",
        description = "A message is accepted, answered by a language model, and the answer streams \
                       back. Refusals are problem documents (RFC 9457).",
    ),
    servers((url = "/")),
    paths(
        message::submit_message,
        sse::follow_session,
        websocket::converse,
        sessions::list_sessions,
        sessions::read_session,
        sessions::delete_session,
        sessions::read_events,
        sessions::read_history,
        sessions::cancel_turn,
        tools::list_tools,
        tools::request_tool,
        health::alive,
        health::ready,
        health::report,
        health::metrics,
        health::document,
        page::page,
    ),
    components(schemas(schema::Event, schema::AnswerPiece), responses(schema::Problem)),
)]
struct Document;

/// The description.
pub(crate) fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::routes::endpoints;

    #[test]
    fn every_served_route_is_described_and_no_other() {
        let document = serde_json::to_value(document()).unwrap();
        let paths = document["paths"].as_object().unwrap();
        let operations = |item: &Value| item.as_object().unwrap().keys().cloned().collect();
        let described: BTreeSet<(String, BTreeSet<String>)> =
            paths.iter().map(|(path, item)| (path.clone(), operations(item))).collect();

        let method = |method: &actix_web::http::Method| method.as_str().to_ascii_lowercase();
        let served: BTreeSet<(String, BTreeSet<String>)> = endpoints()
            .iter()
            .map(|it| (it.path.to_owned(), it.methods().iter().map(method).collect()))
            .collect();

        assert_eq!(described, served);
    }

    #[test]
    fn document_is_of_version_3_1() {
        let document = serde_json::to_value(document()).unwrap();

        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn references(value: &Value, found: &mut Vec<String>) {
            match value {
                Value::Object(fields) => {
                    let to = fields.get("$ref").and_then(Value::as_str);
                    found.extend(to.map(str::to_owned));
                    fields.values().for_each(|value| references(value, found));
                }
                Value::Array(items) => items.iter().for_each(|item| references(item, found)),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
        let document = serde_json::to_value(document()).unwrap();

        let mut found = Vec::new();
        references(&document, &mut found);

        assert!(!found.is_empty());
        for reference in found {
            assert!(document.pointer(&reference[1..]).is_some(), "{reference}");
        }
    }
}
