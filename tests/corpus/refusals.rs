//! Responses that are no 200.

use serde_json::{Value, json};
use soma_tests::stub_model::Reply;

use crate::row::Row;

fn refused(name: &'static str, status: u16, message: &str) -> Row {
    Row::new(name, Reply::whole(status, json!({"error": {"message": message}})))
}

fn too_long(name: &'static str, status: u16, body: Value) -> Row {
    Row::new(name, Reply::whole(status, body)).fails("too_long", "")
}

pub(crate) fn rows() -> Vec<Row> {
    let said = |message: &str| json!({"error": {"message": message}});
    let mut rows = vec![
        too_long("OpenAI", 400, json!({"error": {"message": "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.", "code": "context_length_exceeded"}})),
        too_long("Azure", 400, said("Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in 300000 tokens. Please reduce the length of the messages.")),
        too_long("vLLM", 400, json!({"object": "error", "message": "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens", "code": 400})),
        too_long("SGLang", 400, json!({"object": "error", "message": "The input (5000 tokens) is longer than the model's context length (4096 tokens)."})),
        too_long("llama.cpp", 400, json!({"error": {"code": 400, "message": "the request exceeds the available context size, try increasing it", "type": "exceed_context_size_error"}})),
        too_long("llama.cpp as 500", 500, said("the request exceeds the available context size. try increasing the context size or enable context shift")),
        too_long("Ollama", 400, json!({"error": "prompt too long; exceeded max context length by 4 tokens"})),
        too_long("Mistral", 422, json!({"object": "error", "message": {"detail": [{"msg": "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length"}]}})),
        too_long("Gemini", 400, json!([{"error": {"code": 400, "message": "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).", "status": "INVALID_ARGUMENT"}}])),
        too_long("Groq", 400, said("Please reduce the length of the messages or completion.")),
        too_long("TGI", 422, json!({"error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000 `inputs` tokens", "error_type": "validation"})),
        too_long("Moonshot", 400, said("Invalid request: Your request exceeded model token limit: 8192")),
        too_long("Perplexity", 400, said("The total number of tokens in the prompt exceeds the context window")),
        too_long("OpenRouter", 400, said("This endpoint's maximum context length is 32768 tokens. However, you requested about 40000 tokens")),
        too_long("LiteLLM", 400, said("litellm.ContextWindowExceededError: AnthropicException - prompt is too long: 210000 tokens > 200000 maximum")),
        too_long("a body that is too large", 413, json!({})),
        Row::new("a limit of its own as 413", Reply::whole(413, json!({"error": {"message": "Request too large for model on tokens per minute (TPM)", "type": "tokens", "code": "rate_limit_exceeded"}}))).fails("rate_limited", ""),
        Row::new("nothing left", Reply::whole(429, json!({"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}))).fails("refused", "quota"),
        refused("busy", 429, "slow down").fails("rate_limited", ""),
        refused("key", 401, "who are you").fails("unauthorized", ""),
        refused("forbidden", 403, "not you").fails("unauthorized", ""),
        refused("no such model", 404, "no such model").fails("not_found", ""),
        refused("timeout of the server", 408, "too slow").fails("timeout", ""),
        refused("conflict", 409, "again please").fails("unavailable", "again please"),
        refused("too early", 425, "again please").fails("unavailable", "again please"),
        refused("down", 503, "loading the model").fails("unavailable", "loading the model"),
        refused("overloaded", 529, "overloaded").fails("unavailable", "overloaded"),
        refused("bad request", 400, "bad field").fails("refused", "bad field"),
        refused("unprocessable", 422, "bad field").fails("refused", "bad field"),
        Row::new("down, with a time", Reply::whole(503, json!({})).header("retry-after", "7")).fails("rate_limited", ""),
        Row::new("asks not to be asked again", Reply::whole(500, said("no")).header("x-should-retry", "false")).fails("refused", "no"),
        Row::new("asks to be asked again", Reply::whole(400, said("again")).header("x-should-retry", "true")).fails("unavailable", "again"),
        Row::new("moved", Reply::whole(307, json!({})).header("location", "https://other.example/v1/")).fails("refused", "https://other.example/v1/"),
        Row::new("moved for good", Reply::whole(308, json!({})).header("location", "/v2/")).fails("refused", "/v2/"),
        Row::new("a page", Reply::whole(502, json!({})).raw(b"<html>Bad Gateway</html>")).fails("unavailable", "502"),
        Row::new("filter", Reply::whole(400, json!({"error": {"message": "no", "code": "content_filter"}}))).fails("content_filter", ""),
        Row::new("filter of Azure", Reply::whole(400, json!({"error": {"message": "no", "code": "content_filter", "innererror": {"code": "ResponsibleAIPolicyViolation"}}}))).fails("content_filter", ""),
    ];
    rows.push(Row::new("nothing said", Reply::whole(400, json!(null))).fails("refused", "400"));
    rows
}
