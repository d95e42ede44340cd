//! What a profile says: where a model is asked, with which key, how, and what it can do.

use std::collections::BTreeMap;

use futures_util::StreamExt;
use serde_json::{Map, Value, json};
use soma_core::contract::model::request;
use soma_core::conversation::model::{ChatMessage, ModelFailure};
use soma_core::conversation::profile::Abilities;
use soma_core::ports::Model;
use soma_core::ports::model::ModelRequest;
use soma_core::tool::ToolSpec;
use soma_model::{OpenAiModel, Secret, StoredSecret};
use soma_tests::stub_model::{Asked, Reply, StubModel, by_markers};

use crate::world::{KEY, config, stub};

/// A server at home, another one, and a model that may ask both; the other has a stored secret.
struct World {
    home: StubModel,
    other: StubModel,
    model: OpenAiModel,
}

impl World {
    fn new() -> Self {
        let (home, other) = (stub(by_markers), stub(by_markers));
        let stored =
            StoredSecret { base_url: other.base_url(), secret: Secret::new("sk-of-the-other") };
        let secrets = BTreeMap::from([("other".to_owned(), stored)]);
        let model = OpenAiModel::with_secrets(config(&home), secrets).unwrap();
        Self { home, other, model }
    }

    async fn ask(&self, request: ModelRequest) -> Result<(), ModelFailure> {
        ask(&self.model, request).await
    }
}

/// Asks until the end.
async fn ask(model: &OpenAiModel, request: ModelRequest) -> Result<(), ModelFailure> {
    let mut answer = model.generate(request).await?;
    while let Some(event) = answer.next().await {
        event?;
    }
    Ok(())
}

fn at(base_url: Option<String>, secret: Option<&str>) -> ModelRequest {
    let mut request = request("hello");
    request.profile.base_url = base_url;
    request.profile.secret = secret.map(str::to_owned);
    request
}

fn with_tools(abilities: Abilities) -> ModelRequest {
    let mut request = request("hello");
    request.profile.abilities = abilities;
    request.messages.insert(0, ChatMessage::System { content: "be kind".into() });
    request.tools = vec![ToolSpec {
        name: "echo".into(),
        description: "says it again".into(),
        parameters: json!({"type": "object"}),
        idempotent: true,
        needs_approval: false,
        timeout_seconds: 1,
    }];
    request
}

fn keys(stub: &StubModel) -> Vec<Option<String>> {
    stub.log().into_iter().map(|entry| entry.asked.key).collect()
}

fn bodies(stub: &StubModel) -> Vec<Value> {
    stub.log().into_iter().map(|entry| entry.asked.body).collect()
}

#[tokio::test]
async fn profile_that_names_a_server_is_asked_there_with_the_secret_it_names() {
    let world = World::new();

    world.ask(request("hello")).await.unwrap();
    world.ask(at(Some(world.other.base_url()), Some("other"))).await.unwrap();

    assert_eq!(keys(&world.home), [Some(KEY.to_owned())]);
    assert_eq!(keys(&world.other), [Some("sk-of-the-other".to_owned())]);
}

#[tokio::test]
async fn key_of_one_server_is_never_sent_to_another() {
    let world = World::new();

    world.ask(at(Some(world.other.base_url()), None)).await.unwrap();
    let wrong_home = world.ask(at(None, Some("other"))).await;
    let unknown = world.ask(at(Some(world.other.base_url()), Some("unknown"))).await;

    assert_eq!(keys(&world.other), [None]);
    assert_eq!(keys(&world.home), []);
    for refused in [wrong_home, unknown] {
        assert!(matches!(refused, Err(ModelFailure::Refused(_))), "{refused:?}");
    }
}

#[tokio::test]
async fn profile_that_names_the_configured_server_is_asked_with_its_key() {
    let world = World::new();

    world.ask(at(Some(format!("{}/", world.home.base_url())), None)).await.unwrap();

    assert_eq!(keys(&world.home), [Some(KEY.to_owned())]);
}

#[tokio::test]
async fn address_that_is_none_is_refused() {
    let world = World::new();

    let refused = world.ask(at(Some("ftp://host/v1".into()), None)).await;

    assert!(matches!(refused, Err(ModelFailure::Refused(_))), "{refused:?}");
}

#[tokio::test]
async fn parameters_are_sent_but_for_those_that_change_what_is_asked_or_how_much() {
    let world = World::new();
    let mut request = request("hello");
    request.max_tokens = 99;
    request.profile.kwargs = Map::from_iter([
        ("top_p".into(), json!(0.5)),
        ("n".into(), json!(7)),
        ("max_tokens".into(), json!(1_000_000)),
        ("max_completion_tokens".into(), json!(1_000_000)),
        ("model".into(), json!("another")),
        ("stream".into(), json!(false)),
    ]);

    world.ask(request).await.unwrap();

    let body = bodies(&world.home).remove(0);
    assert_eq!((&body["top_p"], &body["max_tokens"]), (&json!(0.5), &json!(99)));
    assert_eq!((&body["model"], &body["stream"]), (&json!("test"), &json!(true)));
    assert!(body.get("n").is_none() && body.get("max_completion_tokens").is_none(), "{body}");
}

#[tokio::test]
async fn what_a_profile_declares_is_not_tried() {
    let world = World::new();
    let able = Abilities::default();

    world.ask(with_tools(Abilities { tools: Some(false), ..able })).await.unwrap();
    world.ask(with_tools(Abilities { system_role: Some(false), ..able })).await.unwrap();
    world.ask(with_tools(Abilities { parallel_calls: Some(false), ..able })).await.unwrap();

    let [no_tools, no_system, one_call] = bodies(&world.home).try_into().unwrap();
    assert!(no_tools.get("tools").is_none() && no_tools.get("tool_choice").is_none());
    assert_eq!(no_system["messages"], json!([{"role": "user", "content": "be kind\n\nhello"}]));
    assert_eq!(one_call["parallel_tool_calls"], json!(false));
    assert!(no_system.get("parallel_tool_calls").is_none(), "{no_system}");
}

fn refusal(message: &str) -> Reply {
    Reply::whole(400, json!({"error": {"message": message, "type": "invalid_request_error"}}))
}

/// A server of small models: it knows neither tools nor the role `system`.
fn small(asked: &Asked) -> Reply {
    if asked.body.get("tools").is_some() {
        return refusal("registry/tiny does not support tools");
    }
    if asked.body["messages"][0]["role"] == "system" {
        return refusal("System role not supported");
    }
    by_markers(asked)
}

#[tokio::test]
async fn what_is_refused_is_learned_for_that_model_and_no_other() {
    let stub = stub(small);
    let model = OpenAiModel::new(config(&stub)).unwrap();
    let named = |name: &str| {
        let mut request = with_tools(Abilities::default());
        request.profile.model = name.into();
        request
    };

    for name in ["tiny", "tiny", "other"] {
        ask(&model, named(name)).await.unwrap();
    }

    let asked: Vec<Value> = bodies(&stub).into_iter().map(|body| body["model"].clone()).collect();
    assert_eq!(asked, ["tiny", "tiny", "tiny", "tiny", "other", "other", "other"]);
}
