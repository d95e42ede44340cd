//! The parts of a trace, with the names and attributes of OpenTelemetry (its conventions for HTTP,
//! messaging and generative AI): all of them are here.
//!
//! They are spans of `tracing`; who wants a trace collects those of [`TARGET`]. One that has a field
//! `traceparent` (and `tracestate`) is a child of that, wherever it was begun; else it is a child of the
//! span that it is begun in. No text of a person is ever in one.

use std::sync::OnceLock;

use tracing::Span;
use tracing::field::Empty;

use crate::conversation::model::FinishReason;
use crate::ids::{CallId, SessionId, TurnId};
use crate::memory::MemoryWrite;
use crate::outbox::topic::Topic;
use crate::tool::ToolStatus;
use crate::trace::TraceContext;
use crate::turn::input::Input;

/// The target of all spans.
pub const TARGET: &str = "trace";

/// Tells in which span it is asked.
type Current = fn() -> Option<TraceContext>;

static CURRENT: OnceLock<Current> = OnceLock::new();

/// Has [`current`] asked of whoever collects spans. The first who says so stays.
pub fn collected_by(current: Current) {
    // A second one has nothing to say.
    let _ = CURRENT.set(current);
}

/// The span that this is called in, to be sent to whoever goes on with it; none if nobody collects.
pub fn current() -> Option<TraceContext> {
    CURRENT.get().and_then(|current| current())
}

/// A span of [`TARGET`]: its name, its kind, the trace that it goes on with, and its attributes.
macro_rules! span {
    ($name:expr, $kind:literal, $parent:expr, $($attributes:tt)*) => {{
        let parent: Option<&TraceContext> = $parent;
        tracing::info_span!(
            target: TARGET,
            "soma",
            otel.name = %$name,
            otel.kind = $kind,
            otel.status_code = Empty,
            error.r#type = Empty,
            traceparent = parent.map(TraceContext::traceparent),
            tracestate = parent.and_then(TraceContext::tracestate),
            $($attributes)*
        )
    }};
}

/// A request of a client is served.
pub fn serve(method: &str, route: &str, parent: Option<&TraceContext>) -> Span {
    span!(
        format!("{method} {route}"),
        "server",
        parent,
        http.request.method = method,
        http.route = route,
        http.response.status_code = Empty,
    )
}

/// It was answered with this status.
pub fn served(span: &Span, status: u16) {
    span.record("http.response.status_code", status);
    if status >= 500 {
        failed(span, &status.to_string());
    }
}

/// A record is sent to a topic.
pub fn send(topic: Topic, id: &str, parent: Option<&TraceContext>) -> Span {
    span!(
        format!("send {topic}"), "producer", parent,
        messaging.system = "kafka",
        messaging.operation.name = "send",
        messaging.operation.r#type = "send",
        messaging.destination.name = %topic,
        messaging.message.id = id,
    )
}

/// A record of a topic is processed by a group.
pub fn process(topic: Topic, group: &str, offset: u64, parent: Option<&TraceContext>) -> Span {
    span!(
        format!("process {topic}"), "consumer", parent,
        messaging.system = "kafka",
        messaging.operation.name = "process",
        messaging.operation.r#type = "process",
        messaging.destination.name = %topic,
        messaging.consumer.group.name = group,
        messaging.kafka.offset = offset,
    )
}

/// A turn is worked on, from where its record ends to where it waits or is done.
pub fn turn(session: SessionId, turn: TurnId, parent: Option<&TraceContext>) -> Span {
    span!(
        "invoke_agent soma", "internal", parent,
        gen_ai.operation.name = "invoke_agent",
        gen_ai.agent.name = "soma",
        gen_ai.conversation.id = %session,
        soma.turn.id = %turn,
    )
}

/// A model is asked. The API that is spoken is OpenAI's, whoever serves it.
pub fn chat(session: SessionId, model: &str, max_tokens: u64) -> Span {
    span!(
        format!("chat {model}"), "client", None,
        gen_ai.operation.name = "chat",
        gen_ai.provider.name = "openai",
        gen_ai.conversation.id = %session,
        gen_ai.request.model = model,
        gen_ai.request.max_tokens = max_tokens,
        gen_ai.response.model = Empty,
        gen_ai.response.finish_reasons = Empty,
        gen_ai.usage.input_tokens = Empty,
        gen_ai.usage.output_tokens = Empty,
    )
}

/// What came of asking a model.
pub fn answered(span: &Span, input: &Input) {
    let usage = if let Input::ModelAnswered(answer) = input {
        span.record("gen_ai.response.model", answer.model.as_str());
        let reason = match answer.finish {
            FinishReason::Stop => "stop",
            FinishReason::Length => "length",
            FinishReason::ToolCalls => "tool_calls",
            FinishReason::ContentFilter => "content_filter",
        };
        span.record("gen_ai.response.finish_reasons", reason);
        &answer.usage
    } else if let Input::ModelFailed { failure, usage, .. } = input {
        failed(span, failure.kind());
        usage
    } else {
        return;
    };
    span.record("gen_ai.usage.input_tokens", usage.prompt_tokens);
    span.record("gen_ai.usage.output_tokens", usage.completion_tokens);
}

/// A tool is run.
pub fn tool(name: &str, call: CallId, parent: Option<&TraceContext>) -> Span {
    span!(
        format!("execute_tool {name}"), "internal", parent,
        gen_ai.operation.name = "execute_tool",
        gen_ai.tool.name = name,
        gen_ai.tool.r#type = "function",
        gen_ai.tool.call.id = %call,
    )
}

/// What came of running a tool.
pub fn ran(span: &Span, status: ToolStatus) {
    if status != ToolStatus::Success {
        failed(span, &format!("{status:?}").to_lowercase());
    }
}

/// The memory is asked.
pub fn recall(session: Option<SessionId>) -> Span {
    span!(
        "search_memory",
        "client",
        None,
        gen_ai.operation.name = "search_memory",
        gen_ai.conversation.id = session.map(|session| session.to_string()),
        gen_ai.memory.record.count = Empty,
    )
}

/// So many memories were found.
pub fn recalled(span: &Span, count: usize) {
    span.record("gen_ai.memory.record.count", count);
}

/// A memory is written.
pub fn remember(write: &MemoryWrite, parent: Option<&TraceContext>) -> Span {
    span!(
        "upsert_memory", "client", parent,
        gen_ai.operation.name = "upsert_memory",
        gen_ai.conversation.id = %write.session_id,
        gen_ai.memory.record.id = write.key,
    )
}

/// It failed, for a reason of few kinds.
pub fn failed(span: &Span, reason: &str) {
    span.record("error.type", reason);
    span.record("otel.status_code", "ERROR");
}
