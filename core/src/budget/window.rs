//! The span a limit holds for: a day in UTC.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

const DAY_MICROS: i64 = 86_400_000_000;

/// One day in UTC, counted from 1970-01-01.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct BudgetWindow(pub i64);

impl BudgetWindow {
    /// The window that `now` falls into.
    pub const fn at(now: Timestamp) -> Self {
        Self(now.as_micros().div_euclid(DAY_MICROS))
    }

    /// When the window ends and a new one begins.
    pub const fn end(self) -> Timestamp {
        Timestamp::from_micros((self.0 + 1) * DAY_MICROS)
    }
}

impl fmt::Display for BudgetWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = Timestamp::from_micros(self.0 * DAY_MICROS).to_string();
        f.write_str(start.get(..10).unwrap_or(&start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rolls_at_midnight_utc() {
        let midnight = Timestamp::from_micros(20_000 * DAY_MICROS);
        let before = Timestamp::from_micros(midnight.as_micros() - 1);

        assert_eq!(BudgetWindow::at(before), BudgetWindow(19_999));
        assert_eq!(BudgetWindow::at(midnight), BudgetWindow(20_000));
        assert_eq!(BudgetWindow::at(before).end(), midnight);
        assert_eq!(BudgetWindow::at(Timestamp::from_micros(-1)), BudgetWindow(-1));
    }

    #[test]
    fn is_written_as_its_date() {
        assert_eq!(BudgetWindow(0).to_string(), "1970-01-01");
    }
}
