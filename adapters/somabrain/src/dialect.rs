//! The generations of SomaBrain, as far as they differ to who remembers and recalls, and how one is
//! told from another.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;

/// A generation of SomaBrain, by the changes of its memory API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dialect {
    /// October 2025: `/memory/recall` has a typed body, at most 50 memories are recalled.
    G0,
    /// Early November 2025: `/memory/remember` never works, `/memory/recall` takes text in the query.
    G1,
    /// November 2025: `/memory/…` with bodies.
    G2,
    /// December 2025: everything below `/api`.
    G3,
    /// June 2026: as [`G3`](Self::G3), and also without `/api`.
    G4,
}

/// How a generation is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Api {
    /// `/remember` and `/recall`: short, plain texts.
    Legacy,
    /// `/memory/…`, below this path.
    Json {
        /// `/api`, or nothing.
        prefix: &'static str,
    },
}

impl Dialect {
    /// How it is spoken to.
    pub(crate) const fn api(self) -> Api {
        match self {
            Self::G0 | Self::G1 => Api::Legacy,
            Self::G2 => Api::Json { prefix: "" },
            Self::G3 | Self::G4 => Api::Json { prefix: "/api" },
        }
    }

    /// The generation that describes itself so in `/openapi.json`.
    pub(crate) fn of_openapi(document: &Value) -> Option<Self> {
        match document.pointer("/info/title")?.as_str()? {
            "SomaBrain - Cognitive AI System" => Self::of_recall(document),
            "SomaBrain API" => {
                let at_root = document.pointer("/paths/~1memory~1recall").is_some();
                Some(if at_root { Self::G4 } else { Self::G3 })
            }
            _ => None,
        }
    }

    fn of_recall(document: &Value) -> Option<Self> {
        let recall = document.pointer("/paths/~1memory~1recall/post")?;
        let parameters = recall["parameters"].as_array().into_iter().flatten();
        let in_query = |one: &Value| one["name"] == "payload" && one["in"] == "query";
        if parameters.into_iter().any(in_query) {
            return Some(Self::G1);
        }
        let typed = recall["requestBody"].to_string().contains("MemoryRecallRequest");
        Some(if typed { Self::G0 } else { Self::G2 })
    }

    /// The newest generation whose `/healthz` answers so.
    pub(crate) fn of_health(body: &Value) -> Option<Self> {
        if body.pointer("/components/api_version").is_some() {
            return Some(Self::G2);
        }
        (body["status"].is_string() && body.get("timestamp").is_some()).then_some(Self::G4)
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::G0 => "g0",
            Self::G1 => "g1",
            Self::G2 => "g2",
            Self::G3 => "g3",
            Self::G4 => "g4",
        })
    }
}

/// A text that names no [`Dialect`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not one of g0, g1, g2, g3 and g4")]
pub struct UnknownDialect;

impl FromStr for Dialect {
    type Err = UnknownDialect;

    fn from_str(text: &str) -> Result<Self, UnknownDialect> {
        let all = [Self::G0, Self::G1, Self::G2, Self::G3, Self::G4];
        all.into_iter().find(|one| one.to_string() == text).ok_or(UnknownDialect)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn name_of_each_dialect_is_read_back() {
        for name in ["g0", "g1", "g2", "g3", "g4"] {
            assert_eq!(name.parse::<Dialect>().unwrap().to_string(), name);
        }
        assert_eq!("G2".parse::<Dialect>(), Err(UnknownDialect));
    }

    #[test]
    fn document_of_something_else_is_no_dialect() {
        for document in [
            json!({}),
            json!({"info": {"title": "Petstore"}}),
            json!({"info": {"title": "SomaBrain - Cognitive AI System"}, "paths": {}}),
            json!([1]),
        ] {
            assert_eq!(Dialect::of_openapi(&document), None, "{document}");
        }
    }

    #[test]
    fn health_tells_the_two_stacks_apart() {
        let fast = json!({"ok": true, "components": {"api_version": 1}});
        let django = json!({"status": "healthy", "timestamp": 1.0});

        assert_eq!(Dialect::of_health(&fast), Some(Dialect::G2));
        assert_eq!(Dialect::of_health(&django), Some(Dialect::G4));
        assert_eq!(Dialect::of_health(&json!({"status": "healthy"})), None);
    }
}
