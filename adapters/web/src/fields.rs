//! The fields of a request, read one by one, so that everything that is wrong is said at once.

use std::str::FromStr;

use actix_web::web::Query;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use soma_core::flows::refusal::FieldProblem;

use crate::error::Problem;
use crate::json;

/// The fields of a request that were not read yet, and what was wrong with those that were.
#[derive(Debug)]
pub(crate) struct Fields {
    values: Map<String, Value>,
    problems: Vec<FieldProblem>,
}

impl Fields {
    /// The fields of a JSON object.
    pub(crate) fn of_json(text: &str) -> Result<Self, Problem> {
        match json::read(text) {
            Ok(Value::Object(values)) => Ok(Self { values, problems: Vec::new() }),
            Ok(_) => Err(Problem::bad_json("the body must be a JSON object")),
            Err(error) => Err(Problem::bad_json(error.to_string())),
        }
    }

    /// The parameters of a query string; of those with the same name the last. An empty one is none.
    pub(crate) fn of_query(text: &str) -> Self {
        let pairs = Query::<Vec<(String, String)>>::from_query(text);
        let pairs = pairs.map(Query::into_inner).unwrap_or_default();
        let pairs = pairs.into_iter().filter(|(_, value)| !value.is_empty());
        let values = pairs.map(|(name, value)| (name, Value::String(value))).collect();
        Self { values, problems: Vec::new() }
    }

    /// A field, if it is there and not null.
    pub(crate) fn optional<T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        if self.values.get(name).is_some_and(Value::is_null) {
            self.values.remove(name);
        }
        self.given(name)
    }

    /// A field, if it is there, where null is as wrong as anything else.
    pub(crate) fn given<T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        match serde_json::from_value(self.values.remove(name)?) {
            Ok(value) => Some(value),
            Err(error) => self.wrong(name, error.to_string()),
        }
    }

    /// A field that must be there.
    pub(crate) fn required<T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        if self.values.get(name).is_none_or(Value::is_null) {
            self.values.remove(name);
            return self.wrong(name, "is required");
        }
        self.optional(name)
    }

    /// A field that is written as text.
    pub(crate) fn text<T>(&mut self, name: &str) -> Option<T>
    where
        T: FromStr<Err: ToString>,
    {
        let text: String = self.optional(name)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => self.wrong(name, error.to_string()),
        }
    }

    /// Notes what is wrong with a field. Returns none, in place of its value.
    pub(crate) fn wrong<T>(&mut self, name: &str, problem: impl Into<String>) -> Option<T> {
        self.problems.push(FieldProblem { field: name.into(), problem: problem.into() });
        None
    }

    /// Refuses the request if a field was wrong.
    pub(crate) fn check(self) -> Result<(), Problem> {
        if self.problems.is_empty() { Ok(()) } else { Err(Problem::invalid(self.problems)) }
    }

    /// Refuses the request if a field was wrong, or if one was not read: a misspelt field must not
    /// be taken for none.
    pub(crate) fn finish(mut self) -> Result<(), Problem> {
        for name in std::mem::take(&mut self.values).into_iter().map(|(name, _)| name) {
            self.wrong::<()>(&name, "is not a field of this request");
        }
        self.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_said_at_once() {
        let mut fields =
            Fields::of_json(r#"{"a": 1, "b": "x", "d": null, "e": 1, "f": null}"#).unwrap();

        assert_eq!(fields.required::<u32>("a"), Some(1));
        assert_eq!(fields.required::<u32>("b"), None);
        assert_eq!(fields.required::<u32>("c"), None);
        assert_eq!(fields.optional::<u32>("d"), None);
        assert_eq!(fields.given::<u32>("f"), None);
        let problem = fields.finish().unwrap_err().document();

        let names: Vec<_> =
            problem["errors"].as_array().unwrap().iter().map(|it| it["field"].clone()).collect();
        assert_eq!(names, ["b", "c", "f", "e"]);
    }

    #[test]
    fn parameters_of_a_query_may_be_unknown() {
        let mut fields = Fields::of_query("limit=20&limit=30&utm=x&after=%31&q=&until");

        assert_eq!(fields.text::<usize>("limit"), Some(30));
        assert_eq!(fields.optional::<String>("q"), None);
        assert_eq!(fields.optional::<String>("until"), None);
        assert_eq!(fields.text::<u64>("after"), Some(1));
        assert!(fields.check().is_ok());
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for text in ["", "[]", "1", "null", "{", "{}x", r#"{"a":1e999}"#] {
            assert!(Fields::of_json(text).is_err(), "{text:?}");
        }
        let deep = format!("{}1{}", r#"{"a":"#.repeat(1_000), "}".repeat(1_000));
        assert!(Fields::of_json(&deep).is_err());
    }
}
