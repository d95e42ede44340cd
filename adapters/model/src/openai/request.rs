//! The body of a request.

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
pub(super) fn body(request: &ModelRequest, dialect: Dialect) -> Value {
    let kwargs = request.profile.kwargs.iter();
    let kwargs = kwargs.filter(|(name, _)| !RESERVED.contains(&name.as_str()));
    let mut body: Map<String, Value> =
        kwargs.map(|(name, value)| (name.clone(), value.clone())).collect();
    let limit = if dialect.has(Dialect::COMPLETION_TOKENS) {
        "max_completion_tokens"
    } else {
        "max_tokens"
    };
    body.insert("model".into(), json!(request.profile.model));
    body.insert("messages".into(), messages(&request.messages, dialect));
    body.insert("stream".into(), json!(true));
    body.insert(limit.into(), json!(request.max_tokens));
    if !dialect.has(Dialect::NO_STREAM_OPTIONS) {
        body.insert("stream_options".into(), json!({"include_usage": true}));
    }
    if let Some(milli) = request.profile.temperature_milli {
        body.insert("temperature".into(), json!(f64::from(milli) / 1_000.0));
    }
    if !request.tools.is_empty() && !dialect.has(Dialect::NO_TOOLS) {
        body.insert("tools".into(), request.tools.iter().map(tool).collect());
        body.insert("tool_choice".into(), json!("auto"));
        if dialect.has(Dialect::ONE_CALL) && !dialect.has(Dialect::NO_PARALLEL_FIELD) {
            body.insert("parallel_tool_calls".into(), json!(false));
        }
    }
    Value::Object(body)
}

fn messages(messages: &[ChatMessage], dialect: Dialect) -> Value {
    if !dialect.has(Dialect::NO_SYSTEM_ROLE) {
        return messages.iter().map(message).collect();
    }
    let without_system: Vec<ChatMessage> = in_the_first_message(messages);
    without_system.iter().map(message).collect()
}

/// The instructions at the head of the person's first message, for who knows no role `system`.
fn in_the_first_message(messages: &[ChatMessage]) -> Vec<ChatMessage> {
    let mut instructions = Vec::new();
    let mut others = Vec::new();
    for message in messages {
        match message {
            ChatMessage::System { content } => instructions.push(content.as_str()),
            ChatMessage::User { .. } | ChatMessage::Assistant { .. } | ChatMessage::Tool { .. } => {
                others.push(message.clone());
            }
        }
    }
    let instructions = instructions.join("\n\n");
    let is_persons = |message: &&mut ChatMessage| matches!(message, ChatMessage::User { .. });
    if let Some(ChatMessage::User { content }) = others.iter_mut().find(is_persons) {
        *content = format!("{instructions}\n\n{content}");
    } else {
        others.insert(0, ChatMessage::User { content: instructions });
    }
    others
}

fn message(message: &ChatMessage) -> Value {
    match message {
        ChatMessage::System { content } => json!({"role": "system", "content": content}),
        ChatMessage::User { content } => json!({"role": "user", "content": content}),
        ChatMessage::Assistant { content, tool_calls } if tool_calls.is_empty() => {
            json!({"role": "assistant", "content": content})
        }
        ChatMessage::Assistant { content, tool_calls } => {
            let calls: Vec<Value> = tool_calls.iter().map(call).collect();
            let content = if content.is_empty() { Value::Null } else { json!(content) };
            json!({"role": "assistant", "content": content, "tool_calls": calls})
        }
        ChatMessage::Tool { tool_call_id, content } => {
            json!({"role": "tool", "tool_call_id": tool_call_id, "content": content})
        }
    }
}

fn call(call: &ModelToolCall) -> Value {
    let function = json!({"name": call.name, "arguments": call.arguments});
    json!({"id": call.id, "type": "function", "function": function})
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
