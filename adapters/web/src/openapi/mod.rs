//! The description of the interface: OpenAPI 3.1.

pub(crate) mod letters;
pub(crate) mod params;
pub(crate) mod schema;

use serde_json::{Value, json};
use utoipa::OpenApi;

use crate::routes::{dead_letters, health, message, page, sessions, sse, stream, tools, websocket};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Soma gateway",
        description = "A message is accepted, answered by a language model, and the answer streams \
                       back. Refusals are problem documents (RFC 9457).",
    ),
    servers((url = ".")),
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
        dead_letters::list_dead_letters,
        dead_letters::list_dead_letters_of_topic,
        dead_letters::read_dead_letter,
        dead_letters::redrive_dead_letters,
        dead_letters::drop_dead_letters,
        dead_letters::drop_dead_letter,
        health::alive,
        health::ready,
        health::report,
        health::metrics,
        health::document,
        page::page,
    ),
    components(
        schemas(schema::Problem, schema::Streamed, sessions::Turns, stream::StreamEnd, stream::StreamStyle),
        responses(schema::Refused),
    ),
)]
struct Document;

/// Where the description says what a stream is.
const STREAM: &str = "/paths/~1v1~1session~1{session_id}~1events/get/responses/200/content/text~1event-stream/schema";

/// The description.
pub(crate) fn document() -> Value {
    let mut document = json!(Document::openapi());
    // There is no login: nothing is needed, which is not the same as nothing said.
    document["security"] = json!([]);
    if let Some(stream) = document.pointer_mut(STREAM) {
        // The stream is text; this is what stands in the data of its events.
        stream["contentSchema"] = json!({"$ref": "#/components/schemas/Streamed"});
    }
    document
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::routes::endpoints;

    #[test]
    fn every_served_route_is_described_and_no_other() {
        let document = document();
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
        let document = document();

        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    }

    #[test]
    fn every_operation_may_be_refused_in_one_way() {
        let document = document();
        let refused = json!({"$ref": "#/components/responses/Refused"});

        let items = document["paths"].as_object().unwrap().values();
        for operation in items.flat_map(|item| item.as_object().unwrap().values()) {
            let name = &operation["operationId"];
            let responses = operation["responses"].as_object().unwrap();
            assert_eq!(responses["default"], refused, "{name}");
            for (status, response) in responses {
                let bad = status.starts_with(['4', '5']);
                assert!(!bad || *response == refused, "{name}: {status}");
            }
        }
        assert_eq!(document["security"], json!([]));
        assert!(document.pointer(STREAM).is_some_and(|stream| stream["type"] == "string"));
    }

    #[test]
    fn document_is_as_tight_as_the_gateway() {
        let document = document();
        let schema = |name: &str| document["components"]["schemas"][name].clone();
        let parameter = |path: &str, name: &str| {
            let parameters =
                document["paths"][path]["get"]["parameters"].as_array().unwrap().clone();
            parameters.into_iter().find(|it| it["name"] == name).unwrap()["schema"].clone()
        };

        for (name, free) in [("Message", "metadata"), ("ToolRequest", "args")] {
            assert_eq!(schema(name)["additionalProperties"], false, "{name}");
            let free = &schema(name)["properties"][free];
            assert_eq!(
                (&free["type"], &free["additionalProperties"]),
                (&"object".into(), &true.into())
            );
        }
        assert_eq!(schema("Event")["properties"]["metadata"]["additionalProperties"], true);
        assert_eq!(schema("Message")["properties"]["persona_id"]["minLength"], 1);
        let attachment = schema("AttachmentId");
        assert_eq!((&attachment["minLength"], &attachment["maxLength"]), (&1.into(), &256.into()));
        for (path, most) in [("/v1/sessions", 200), ("/v1/sessions/{session_id}/events", 500)] {
            let limit = parameter(path, "limit");
            assert_eq!((&limit["minimum"], &limit["maximum"]), (&1.into(), &most.into()), "{path}");
        }
        let after = parameter("/v1/sessions/{session_id}/events", "after");
        assert_eq!((&after["minimum"], &after["maximum"]), (&0.into(), &i64::MAX.into()));
        assert_eq!(schema("StreamEnd")["enum"], json!(["final"]));
        assert_eq!(schema("StreamStyle")["enum"], json!(["deltas", "cumulative"]));
        for (name, of) in [("until", "StreamEnd"), ("stream", "StreamStyle")] {
            let reference = format!("#/components/schemas/{of}");
            assert_eq!(parameter("/v1/session/{session_id}/events", name)["$ref"], reference);
        }
        let place = parameter("/v1/session/{session_id}/events", "after");
        assert!(place["pattern"].as_str().unwrap().starts_with("^[0-9]{1,20}"), "{place}");
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
        let document = document();

        let mut found = Vec::new();
        references(&document, &mut found);

        assert!(!found.is_empty());
        for reference in found {
            assert!(document.pointer(&reference[1..]).is_some(), "{reference}");
        }
    }
}
