//! The body of a request.

use serde_json::{Value, json};
use soma_core::conversation::model::{ChatMessage, ModelToolCall};
use soma_core::ports::model::ModelRequest;
use soma_core::tool::ToolSpec;

/// What a server was found to refuse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Dialect(u8);

impl Dialect {
    /// It does not know `stream_options`.
    pub(super) const NO_STREAM_OPTIONS: Self = Self(1);
    /// It wants `max_completion_tokens` in place of `max_tokens`.
    pub(super) const COMPLETION_TOKENS: Self = Self(2);

    pub(super) const fn of(bits: u8) -> Self {
        Self(bits)
    }

    pub(super) const fn bits(self) -> u8 {
        self.0
    }

    pub(super) const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// The body of a streaming request.
pub(super) fn body(request: &ModelRequest, dialect: Dialect) -> Value {
    let messages: Vec<Value> = request.messages.iter().map(message).collect();
    let limit = if dialect.has(Dialect::COMPLETION_TOKENS) {
        "max_completion_tokens"
    } else {
        "max_tokens"
    };
    let mut body = json!({
        "model": request.profile.model,
        "messages": messages,
        "stream": true,
        limit: request.max_tokens,
    });
    if !dialect.has(Dialect::NO_STREAM_OPTIONS) {
        body["stream_options"] = json!({"include_usage": true});
    }
    if let Some(milli) = request.profile.temperature_milli {
        body["temperature"] = json!(f64::from(milli) / 1_000.0);
    }
    if !request.tools.is_empty() {
        body["tools"] = request.tools.iter().map(tool).collect();
        body["tool_choice"] = json!("auto");
    }
    body
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
