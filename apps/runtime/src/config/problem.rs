//! What is wrong with the settings: everything, at once.

use std::fmt;

use super::setting::{Display, Setting};

/// Everything that is wrong with the settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid configuration:{}", listed(.problems))]
pub struct ConfigError {
    /// What is wrong; never empty.
    pub problems: Vec<Problem>,
}

/// One thing that is wrong, as a line for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem(String);

impl Problem {
    pub(super) fn new(line: impl Into<String>) -> Self {
        Self(line.into())
    }

    /// The value of a setting is not what it must be.
    pub(super) fn misfit(setting: Setting, value: &str) -> Self {
        const LONGEST: usize = 60;
        let got = match setting.display {
            Display::Shown => format!("{:?}", value.chars().take(LONGEST).collect::<String>()),
            Display::Hidden => "something else, which is not shown here".into(),
        };
        Self::about(setting, &format!("expected {}, got {got}", setting.expects))
    }

    pub(super) fn about(setting: Setting, what: &str) -> Self {
        Self(format!("{} (in the file: {}): {what}", setting.variable, setting.key))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn listed(problems: &[Problem]) -> String {
    problems.iter().fold(String::new(), |lines, problem| lines + "\n  " + &problem.0)
}
