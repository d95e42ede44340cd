//! Reads settings one by one, and collects what is wrong with them.

use super::Env;
use super::file::File;
use super::problem::{ConfigError, Problem};
use super::setting::Setting;

/// The environment and the file, and what is wrong so far.
pub(super) struct Reader<'a> {
    env: Env<'a>,
    file: File,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(env: Env<'a>, file: File) -> Self {
        Self { env, file, problems: Vec::new() }
    }

    pub(super) fn env(&self) -> Env<'a> {
        self.env
    }

    /// The value of `setting` as `parse` understands it; none if it is not set, or wrong.
    pub(super) fn optional<T>(
        &mut self,
        setting: Setting,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(setting)?;
        self.understand(setting, &text, parse)
    }

    /// The value of `setting`, or `default` if it is not set. If it is wrong, `default` stands in
    /// until the problem is reported.
    pub(super) fn or<T>(
        &mut self,
        setting: Setting,
        default: T,
        parse: impl Fn(&str) -> Option<T>,
    ) -> T {
        self.optional(setting, parse).unwrap_or(default)
    }

    /// The value of `setting`, which must be set.
    pub(super) fn required<T>(
        &mut self,
        setting: Setting,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        if !self.is_set(setting) {
            self.problem(setting, "must be set");
        }
        self.optional(setting, parse)
    }

    /// The value of another variable that stands for `setting`.
    pub(super) fn variable<T>(
        &mut self,
        setting: Setting,
        variable: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let text = present((self.env)(variable))?;
        self.understand(Setting { variable, ..setting }, &text, parse)
    }

    /// Whether `setting` has a value, right or wrong.
    pub(super) fn is_set(&self, setting: Setting) -> bool {
        self.text(setting).is_some()
    }

    /// Notes what else is wrong about `setting`.
    pub(super) fn problem(&mut self, setting: Setting, what: &str) {
        self.problems.push(Problem::about(setting, what));
    }

    /// Ends the reading: what was read, if nothing is wrong.
    pub(super) fn finish<T>(self, read: Option<T>) -> Result<T, ConfigError> {
        let mut problems = self.file.into_problems();
        problems.extend(self.problems);
        match read {
            Some(read) if problems.is_empty() => Ok(read),
            Some(_) | None => Err(ConfigError { problems }),
        }
    }

    fn text(&self, setting: Setting) -> Option<String> {
        let in_file = || present(self.file.get(setting.key).map(str::to_owned));
        present((self.env)(setting.variable)).or_else(in_file)
    }

    fn understand<T>(
        &mut self,
        setting: Setting,
        text: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let value = parse(text);
        if value.is_none() {
            self.problems.push(Problem::misfit(setting, text));
        }
        value
    }
}

/// An empty value is no value.
fn present(text: Option<String>) -> Option<String> {
    text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}
