//! The body of a request.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Map, Value, json};
use soma_core::conversation::model::{ChatMessage, ModelToolCall};
use soma_core::conversation::profile::Abilities;
use soma_core::ports::model::ModelRequest;
use soma_core::tool::ToolSpec;

/// What a model and its server do not take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Dialect(u8);

impl Dialect {
    /// It does not know `stream_options`.
    pub(super) const NO_STREAM_OPTIONS: Self = Self(1);
    /// It wants `max_completion_tokens` in place of `max_tokens`.
    pub(super) const COMPLETION_TOKENS: Self = Self(2);
    /// It cannot ask for tools.
    pub(super) const NO_TOOLS: Self = Self(4);
    /// It knows no messages of the role `system`.
    pub(super) const NO_SYSTEM_ROLE: Self = Self(8);
    /// It must not ask for several tools in one answer.
    pub(super) const ONE_CALL: Self = Self(16);
    /// It does not know `parallel_tool_calls`.
    pub(super) const NO_PARALLEL_FIELD: Self = Self(32);
    /// Its temperature cannot be chosen.
    pub(super) const NO_TEMPERATURE: Self = Self(64);

    /// What a profile says.
    pub(super) fn declared(abilities: Abilities) -> Self {
        let not = |ability: Option<bool>, means: Self| match ability {
            Some(false) => means,
            Some(true) | None => Self::default(),
        };
        not(abilities.tools, Self::NO_TOOLS)
            .and(not(abilities.system_role, Self::NO_SYSTEM_ROLE))
            .and(not(abilities.parallel_calls, Self::ONE_CALL))
    }

    /// What is not taken by the one or the other.
    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// What a profile's parameters do not change: what is asked, and how much may come of it.
const RESERVED: [&str; 9] = [
    "model",
    "messages",
    "stream",
    "stream_options",
    "tools",
    "tool_choice",
    "max_tokens",
    "max_completion_tokens",
    "n",
];

/// The body of a streaming request.
#[derive(Debug, Serialize)]
pub(super) struct Body<'a> {
    /// The profile's own parameters.
    #[serde(flatten)]
    parameters: Map<String, Value>,
    messages: Vec<Message<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Value>,
}

/// What a request asks for, as a server of this dialect takes it.
pub(super) fn body(request: &ModelRequest, dialect: Dialect) -> Body<'_> {
    let tools: Vec<Value> = if dialect.has(Dialect::NO_TOOLS) {
        Vec::new()
    } else {
        request.tools.iter().map(tool).collect()
    };
    let parameters = parameters(request, dialect, !tools.is_empty());
    Body { parameters, messages: messages(&request.messages, dialect), tools }
}

fn parameters(request: &ModelRequest, dialect: Dialect, with_tools: bool) -> Map<String, Value> {
    let kwargs = request.profile.kwargs.iter();
    let kwargs = kwargs.filter(|(name, _)| !RESERVED.contains(&name.as_str()));
    let mut parameters: Map<String, Value> =
        kwargs.map(|(name, value)| (name.clone(), value.clone())).collect();
    let limit = if dialect.has(Dialect::COMPLETION_TOKENS) {
        "max_completion_tokens"
    } else {
        "max_tokens"
    };
    parameters.insert("model".into(), json!(request.profile.model));
    parameters.insert("stream".into(), json!(true));
    parameters.insert(limit.into(), json!(request.max_tokens));
    if !dialect.has(Dialect::NO_STREAM_OPTIONS) {
        parameters.insert("stream_options".into(), json!({"include_usage": true}));
    }
    if dialect.has(Dialect::NO_TEMPERATURE) {
        parameters.remove("temperature");
    } else if let Some(milli) = request.profile.temperature_milli {
        parameters.insert("temperature".into(), json!(f64::from(milli) / 1_000.0));
    }
    if with_tools {
        parameters.insert("tool_choice".into(), json!("auto"));
        if dialect.has(Dialect::ONE_CALL) && !dialect.has(Dialect::NO_PARALLEL_FIELD) {
            parameters.insert("parallel_tool_calls".into(), json!(false));
        }
    }
    parameters
}

/// A message as it is sent. A prompt may have hundreds: they are written without a copy.
#[derive(Debug, Serialize)]
struct Message<'a> {
    role: &'static str,
    /// `null` where an assistant only asked for tools.
    content: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Value>,
}

impl<'a> Message<'a> {
    const fn said(role: &'static str, content: Cow<'a, str>) -> Self {
        Self { role, content: Some(content), tool_call_id: None, tool_calls: Vec::new() }
    }

    fn of(message: &'a ChatMessage) -> Self {
        match message {
            ChatMessage::System { content } => Self::said("system", content.into()),
            ChatMessage::User { content } => Self::said("user", content.into()),
            ChatMessage::Assistant { content, tool_calls } => {
                let only_calls = content.is_empty() && !tool_calls.is_empty();
                Self {
                    content: (!only_calls).then_some(content.into()),
                    tool_calls: tool_calls.iter().map(call).collect(),
                    ..Self::said("assistant", "".into())
                }
            }
            ChatMessage::Tool { tool_call_id, content } => {
                Self { tool_call_id: Some(tool_call_id), ..Self::said("tool", content.into()) }
            }
        }
    }
}

/// The messages, no two of a person one after the other: the templates of some models refuse them.
fn messages(messages: &[ChatMessage], dialect: Dialect) -> Vec<Message<'_>> {
    let all = if dialect.has(Dialect::NO_SYSTEM_ROLE) {
        in_the_first_message(messages)
    } else {
        messages.iter().map(Message::of).collect()
    };
    let mut alternating: Vec<Message<'_>> = Vec::with_capacity(all.len());
    for message in all {
        match (alternating.last_mut(), &message) {
            (
                Some(Message { role: "user", content: Some(before), .. }),
                Message { role: "user", content: Some(text), .. },
            ) => *before = format!("{before}\n\n{text}").into(),
            _ => alternating.push(message),
        }
    }
    alternating
}

/// The instructions at the head of the person's first message, for who knows no role `system`.
fn in_the_first_message(messages: &[ChatMessage]) -> Vec<Message<'_>> {
    let mut instructions = Vec::new();
    let mut others = Vec::new();
    for message in messages {
        match message {
            ChatMessage::System { content } => instructions.push(content.as_str()),
            ChatMessage::User { .. } | ChatMessage::Assistant { .. } | ChatMessage::Tool { .. } => {
                others.push(Message::of(message));
            }
        }
    }
    let instructions = instructions.join("\n\n");
    let persons = others.iter_mut().find(|message| message.role == "user");
    if let Some(Message { content: Some(content), .. }) = persons {
        *content = format!("{instructions}\n\n{content}").into();
    } else {
        others.insert(0, Message::said("user", instructions.into()));
    }
    others
}

/// A call as it is shown to the model again. Servers that check take no name that is not one of an API,
/// and no arguments but an object, whatever the model wrote: its result says what was wrong with it.
fn call(call: &ModelToolCall) -> Value {
    let is_object = serde_json::from_str::<Map<String, Value>>(&call.arguments).is_ok();
    let arguments = if is_object { call.arguments.as_str() } else { "{}" };
    let function = json!({"name": name(&call.name), "arguments": arguments});
    json!({"id": call.id, "type": "function", "function": function})
}

/// A name made fit: at most 64 letters, digits, underscores and dashes.
fn name(name: &str) -> String {
    const LONGEST: usize = 64;
    let fit = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let name: String = name.trim().chars().map(fit).take(LONGEST).collect();
    if name.is_empty() { "unnamed".into() } else { name }
}

fn tool(tool: &ToolSpec) -> Value {
    json!({
        "type": "function",
        "function": {
            "name": tool.name,
            "description": tool.description,
            "parameters": tool.parameters,
        },
    })
}
