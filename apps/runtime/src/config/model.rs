//! The language model: where it is, and how it answers.

use soma_core::budget::Tokens;
use soma_core::conversation::profile::{Abilities, ModelProfile};

use super::reader::Reader;
use super::secret::Secret;
use super::{Mode, parse, setting};

/// Where the key of `OPENAI_API_KEY` belongs if no address is set.
const OPENAI: &str = "https://api.openai.com/v1";

/// A server of language models that speaks the protocol of OpenAI.
///
/// In `DEV`, and only if `SLM_BASE_URL` is not set, `OPENAI_BASE_URL`, `OPENAI_MODEL` and
/// `OPENAI_API_KEY` stand for what is missing; without an address their key belongs to
/// `https://api.openai.com/v1`. So no key ever goes to a server it was not meant for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelServer {
    /// `SLM_BASE_URL`, `model.base_url`: its address up to `/v1`, without a slash at the end. Outside
    /// `DEV` only https. No default.
    pub base_url: String,
    /// `SLM_MODEL`, `model.model`: the model that answers. No default.
    pub model: String,
    /// `SLM_API_KEY`, `model.api_key`: the key, if it wants one. No default.
    pub api_key: Option<Secret>,
}

/// How answers are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answers {
    /// `SLM_MAX_TOKENS`, `model.max_tokens`: the most tokens of one answer. Default 1024, from 1 to
    /// 1000000.
    pub max_tokens: Tokens,
    /// `SLM_CONTEXT_TOKENS`, `model.context_tokens`: the most tokens of prompt and answer together.
    /// Default 8192, from 256 to 10000000, more than `max_tokens`.
    pub context_tokens: Tokens,
    /// `SLM_TEMPERATURE`, `model.temperature`: sampling temperature, here in thousandths. From 0 to
    /// 2; by default the server's.
    pub temperature_milli: Option<u32>,
    /// `SLM_ESCALATION_MODEL`, `model.escalation_model`: the stronger model. No default.
    pub escalation_model: Option<String>,
    /// `SLM_FALLBACK_MODEL`, `model.fallback_model`: the model that answers when the first does not.
    /// No default.
    pub fallback_model: Option<String>,
    /// `SLM_WITHOUT_TOOLS`, `model.without_tools`: the models that are offered no tools; `*` is all.
    /// None by default: that a model has none is learned once its server refuses them.
    pub without_tools: Vec<String>,
}

impl Answers {
    /// The profile by which `model` answers.
    pub fn profile(&self, model: &str) -> ModelProfile {
        let has_none = self.without_tools.iter().any(|name| name == model || name == "*");
        let abilities = Abilities { tools: has_none.then_some(false), ..Abilities::default() };
        ModelProfile {
            temperature_milli: self.temperature_milli,
            abilities,
            ..ModelProfile::new(model, self.max_tokens, self.context_tokens)
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let max_tokens =
            reader.or(setting::MAX_TOKENS, 1024, |text| parse::within(text, 1..=1_000_000));
        let context_tokens =
            reader.or(setting::CONTEXT_TOKENS, 8192, |text| parse::within(text, 256..=10_000_000));
        if max_tokens >= context_tokens {
            let what = format!("must be less than {}", setting::CONTEXT_TOKENS.variable);
            reader.problem(setting::MAX_TOKENS, &what);
        }
        Self {
            max_tokens,
            context_tokens,
            temperature_milli: reader.optional(setting::TEMPERATURE, parse::temperature),
            escalation_model: reader.optional(setting::ESCALATION_MODEL, parse::model_name),
            fallback_model: reader.optional(setting::FALLBACK_MODEL, parse::model_name),
            without_tools: reader.or(setting::WITHOUT_TOOLS, Vec::new(), parse::model_names),
        }
    }
}

/// The server that is configured, if any. What is wrong about it is noted in `reader`.
pub(super) fn server(reader: &mut Reader<'_>, mode: Mode) -> Option<ModelServer> {
    let mut parts = Parts {
        base_url: reader.optional(setting::BASE_URL, parse::base_url),
        model: reader.optional(setting::MODEL, parse::model_name),
        api_key: reader.optional(setting::API_KEY, parse::key),
    };
    if mode == Mode::Dev && !reader.is_set(setting::BASE_URL) {
        parts = parts.or_openai(reader);
    }
    let wrong = |setting, value: &Option<String>| reader.is_set(setting) && value.is_none();
    if wrong(setting::BASE_URL, &parts.base_url) || wrong(setting::MODEL, &parts.model) {
        return None;
    }
    let server = match (parts.base_url, parts.model) {
        (Some(base_url), Some(model)) => {
            ModelServer { base_url, model, api_key: parts.api_key.map(Secret::new) }
        }
        (Some(_), None) => {
            reader.problem(setting::MODEL, "must be set, as the address of a server is");
            return None;
        }
        (None, Some(_)) => {
            reader.problem(setting::BASE_URL, "must be set, as a model is");
            return None;
        }
        (None, None) => return None,
    };
    if mode != Mode::Dev && !server.base_url.starts_with("https://") {
        reader.problem(setting::BASE_URL, &format!("must be https in {mode}"));
    }
    Some(server)
}

/// What is known of a server.
struct Parts {
    base_url: Option<String>,
    model: Option<String>,
    api_key: Option<String>,
}

impl Parts {
    fn or_openai(self, reader: &mut Reader<'_>) -> Self {
        let base_url = reader.variable(setting::BASE_URL, "OPENAI_BASE_URL", parse::base_url);
        let model = reader.variable(setting::MODEL, "OPENAI_MODEL", parse::model_name);
        let api_key = reader.variable(setting::API_KEY, "OPENAI_API_KEY", parse::key);
        let model = self.model.or(model);
        let home = (model.is_some() && api_key.is_some()).then(|| OPENAI.to_owned());
        Self { base_url: base_url.or(home), model, api_key: api_key.or(self.api_key) }
    }
}
