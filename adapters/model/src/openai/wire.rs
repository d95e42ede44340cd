//! What the server sends, as far as it is read: by the values that are there, whatever else is.

use serde_json::{Map, Value};
use soma_core::conversation::model::Usage;

/// More tokens than any call has: what is above cannot be right.
const MOST_TOKENS: u64 = 1 << 32;

/// A chunk of a stream, or a whole answer.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    pub(super) model: Option<String>,
    pub(super) choice: Option<Choice>,
    pub(super) usage: Option<Usage>,
}

/// The first choice of a chunk: we ask for one.
#[derive(Debug, Default)]
pub(super) struct Choice {
    pub(super) text: String,
    pub(super) reasoning: String,
    pub(super) calls: Vec<WireCall>,
    /// Why it stopped; none if that is empty.
    pub(super) finish: Option<String>,
    /// Whether it is a message and not a piece of one: some send it at the end of a stream, too.
    pub(super) is_message: bool,
    /// Whether it is a piece: others belong to it.
    pub(super) is_piece: bool,
}

/// A call of a tool, or a piece of one.
#[derive(Debug, Default)]
pub(super) struct WireCall {
    pub(super) index: Option<usize>,
    pub(super) id: String,
    pub(super) name: String,
    pub(super) arguments: String,
}

/// What a document of the server's is.
#[derive(Debug)]
pub(super) enum Meaning {
    Chunk(Chunk),
    /// An error, as it was written.
    Error(Value),
}

/// What a document means. What is nothing that we know is an empty chunk.
pub(super) fn read(document: Value) -> Meaning {
    let mut fields = match document {
        Value::Object(fields) => fields,
        Value::Array(mut all) if !all.is_empty() => return read(all.swap_remove(0)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            return Meaning::Chunk(Chunk::default());
        }
    };
    if let Some(error) = fields.remove("error").filter(is_said) {
        return Meaning::Error(error);
    }
    let choices = fields.remove("choices");
    if choices.is_none() && is_error(&fields) {
        return Meaning::Error(Value::Object(fields));
    }
    let mut choice = choices.and_then(first);
    let errors = choice.as_mut().and_then(|choice| choice.remove("error"));
    if let Some(error) = errors.filter(is_said) {
        return Meaning::Error(error);
    }
    let model = fields.get("model").and_then(Value::as_str).filter(|model| !model.is_empty());
    let of_groq = fields.get("x_groq").and_then(|more| more.get("usage"));
    let usage = [fields.get("usage"), of_groq].into_iter().flatten().find_map(self::usage);
    Meaning::Chunk(Chunk {
        model: model.map(str::to_owned),
        usage,
        choice: choice.map(self::choice),
    })
}

/// Whether there is anything to it: some write an empty error beside an answer.
fn is_said(error: &Value) -> bool {
    match error {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(all) => !all.is_empty(),
        Value::Object(fields) => fields.values().any(is_said),
        Value::Bool(true) => true,
        Value::Number(code) => code.as_i64() != Some(0),
    }
}

/// Whether a document without choices tells of an error.
fn is_error(fields: &Map<String, Value>) -> bool {
    let has = |name: &str| fields.get(name).is_some_and(is_said);
    fields.get("object").is_some_and(|object| object == "error")
        || has("detail")
        || has("errors")
        || ((has("message") || has("msg")) && (has("code") || has("type") || has("status")))
}

/// The choice with index 0, or the first that has none.
fn first(choices: Value) -> Option<Map<String, Value>> {
    let Value::Array(choices) = choices else { return None };
    choices.into_iter().find_map(|choice| {
        let Value::Object(choice) = choice else { return None };
        let index = choice.get("index").and_then(Value::as_u64).unwrap_or(0);
        (index == 0).then_some(choice)
    })
}

fn choice(mut fields: Map<String, Value>) -> Choice {
    let has_delta = fields.get("delta").is_some_and(Value::is_object);
    let mut object = |name: &str| match fields.remove(name) {
        Some(Value::Object(said)) if !said.is_empty() => Some(said),
        _ => None,
    };
    let (delta, message) = (object("delta"), object("message"));
    let is_message = delta.is_none() && message.is_some();
    let is_piece = has_delta && !is_message;
    let finish = fields.get("finish_reason").and_then(Value::as_str).map(str::trim);
    let finish = finish.filter(|reason| !reason.is_empty()).map(str::to_owned);
    // Completions of the older kind have their text here.
    let bare = fields.get("text").map(content).unwrap_or_default();
    let mut choice = Choice { finish, is_message, is_piece, text: bare.0, ..Choice::default() };
    let Some(mut said) = delta.or(message) else { return choice };
    for field in ["content", "refusal"] {
        let (text, reasoning) = said.get(field).map(content).unwrap_or_default();
        choice.text.push_str(&text);
        choice.reasoning.push_str(&reasoning);
    }
    let reasoning = ["reasoning_content", "reasoning"].iter().find_map(|field| {
        said.get(*field).map(content).map(|(text, _)| text).filter(|text| !text.is_empty())
    });
    choice.reasoning.push_str(&reasoning.unwrap_or_default());
    match said.remove("tool_calls") {
        Some(Value::Array(calls)) => choice.calls.extend(calls.iter().filter_map(call)),
        Some(one @ Value::Object(_)) => choice.calls.extend(call(&one)),
        _ => {}
    }
    if let Some(function @ Value::Object(_)) = said.get("function_call") {
        choice.calls.push(function_of(function));
    }
    choice
}

/// The text of a content, and what is thought in it: a text, or a list of parts.
fn content(content: &Value) -> (String, String) {
    let (mut text, mut thought) = (String::new(), String::new());
    match content {
        Value::String(all) => text.push_str(all),
        Value::Array(parts) => {
            for part in parts {
                let kind = part.get("type").and_then(Value::as_str).unwrap_or("text");
                let of = ["text", "thinking", "reasoning", "content"];
                let said = of.iter().find_map(|field| part.get(*field));
                let said = said.map_or_else(|| self::content(part), self::content);
                let into = if kind.contains("think") || kind.contains("reason") {
                    &mut thought
                } else {
                    &mut text
                };
                into.push_str(&said.0);
                thought.push_str(&said.1);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {}
    }
    (text, thought)
}

fn call(piece: &Value) -> Option<WireCall> {
    let fields = piece.as_object()?;
    let function = fields.get("function").filter(|function| function.is_object());
    let index = fields.get("index").and_then(whole_number);
    Some(WireCall {
        index: index.and_then(|index| usize::try_from(index).ok()),
        id: fields.get("id").and_then(Value::as_str).unwrap_or_default().to_owned(),
        ..function_of(function.unwrap_or(piece))
    })
}

fn function_of(function: &Value) -> WireCall {
    let arguments = match function.get("arguments") {
        Some(Value::String(text)) => text.clone(),
        Some(object @ Value::Object(_)) => object.to_string(),
        _ => String::new(),
    };
    let name = function.get("name").and_then(Value::as_str).unwrap_or_default().trim().to_owned();
    WireCall { name, arguments, ..WireCall::default() }
}

/// What a call used, if that can be right: whoever says it was nothing has not counted.
fn usage(usage: &Value) -> Option<Usage> {
    let number =
        |names: &[&str]| names.iter().find_map(|name| usage.get(*name).and_then(whole_number));
    let prompt_tokens = number(&["prompt_tokens", "input_tokens"])?;
    let completion_tokens = number(&["completion_tokens", "output_tokens"])
        .or_else(|| number(&["total_tokens"])?.checked_sub(prompt_tokens))?;
    let right = prompt_tokens > 0 && prompt_tokens.max(completion_tokens) < MOST_TOKENS;
    right.then_some(Usage { prompt_tokens, completion_tokens, estimated: false })
}

/// A number that is whole and not negative, also if it is written as a fraction or a text.
pub(super) fn whole_number(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64().or_else(|| {
            let number = number.as_f64().filter(|number| number.fract() == 0.0)?;
            // As it is printed, without a fraction.
            format!("{number:.0}").parse().ok()
        }),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
