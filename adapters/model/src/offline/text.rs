//! What the stand-in says.

use serde_json::json;
use soma_core::ports::model::ModelRequest;

const CONNECT: &str = "No language model is connected, so this answer was put together by a \
    stand-in. To connect one, set SLM_BASE_URL and SLM_MODEL (and SLM_API_KEY if it wants a key) \
    and start Soma again; any OpenAI-compatible server works, a local one such as \
    http://127.0.0.1:11434/v1 too.";

/// The longest piece of a message or memory that is repeated, in characters.
const LONGEST_QUOTE: usize = 200;

/// The usual answer: what is missing, and what the platform did.
pub(super) fn explain(request: &ModelRequest, message: &str) -> String {
    let about = &request.about;
    let mut text = format!("{CONNECT}\n\nYou said: {}\n\n", quote(message));
    if let Some(analysis) = &about.analysis {
        let tags = json!(analysis.tags);
        let (intent, sentiment) = (json!(analysis.intent), json!(analysis.sentiment));
        text.push_str(&format_analysis(&intent, &sentiment, &tags));
    }
    let history = match about.history {
        0 => "This is the beginning of the conversation. ".to_owned(),
        1 => "The prompt has 1 earlier message of this conversation. ".to_owned(),
        count => format!("The prompt has {count} earlier messages of this conversation. "),
    };
    text.push_str(&history);
    match about.recalled.as_slice() {
        [] => text.push_str("Nothing was recalled from memory."),
        recalled => {
            text.push_str("Recalled from memory:");
            for memory in recalled {
                text.push_str("\n- ");
                text.push_str(&quote(memory));
            }
        }
    }
    text.push_str("\n\nTry a tool: /tool echo {\"text\": \"hello\"}, or a long answer: /long 400");
    text
}

/// An answer of so many words, in which a gap would be seen.
pub(super) fn count_up(words: u64) -> String {
    let words: Vec<String> = (1..=words).map(|word| word.to_string()).collect();
    words.join(" ")
}

/// The answer when a tool has ended.
pub(super) fn tool_answered(content: &str) -> String {
    format!("The tool answered: {}", quote(content))
}

/// The answer when there is no such tool.
pub(super) fn no_such_tool(request: &ModelRequest, name: &str) -> String {
    let names: Vec<&str> = request.tools.iter().map(|tool| tool.name.as_str()).collect();
    let known = if names.is_empty() { "none may be used now".into() } else { names.join(", ") };
    format!("There is no tool named {:?}. The tools: {known}.", quote(name))
}

fn format_analysis(
    intent: &serde_json::Value,
    sentiment: &serde_json::Value,
    tags: &serde_json::Value,
) -> String {
    let word = |value: &serde_json::Value| value.as_str().unwrap_or_default().replace('_', " ");
    let tags: Vec<String> = tags.as_array().into_iter().flatten().map(word).collect();
    let about = if tags.is_empty() { "nothing in particular".into() } else { tags.join(", ") };
    let (intent, sentiment) = (word(intent), word(sentiment));
    format!("It was read as: {intent}, {sentiment}, about {about}. ")
}

fn quote(text: &str) -> String {
    match text.char_indices().nth(LONGEST_QUOTE) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
