//! What is measured of each build, and what is wanted of the ratio.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::report::{Unit, amount};

/// Which of the two builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Build {
    Before,
    After,
}

impl Build {
    /// Both; every other round begins with the second.
    pub(super) const fn in_order(round: usize) -> [Self; 2] {
        if round.is_multiple_of(2) {
            [Self::Before, Self::After]
        } else {
            [Self::After, Self::Before]
        }
    }
}

/// What is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Goal {
    /// The figure is at most so many times what it was.
    TimesAtMost(f64),
    /// The figure is at least so many times what it was.
    TimesAtLeast(f64),
    /// The figure itself is at most this.
    AtMost(f64),
    /// The figure tells how the machine was.
    None,
}

/// A thing that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Measure {
    pub(super) name: &'static str,
    pub(super) unit: Unit,
    pub(super) goal: Goal,
}

/// Every figure so far, in the order of their first measurement.
#[derive(Debug, Default)]
pub(super) struct Figures {
    measures: Vec<Measure>,
    values: BTreeMap<(usize, Build), Vec<f64>>,
}

impl Figures {
    pub(super) fn add(&mut self, measure: Measure, build: Build, value: f64) {
        let known = self.measures.iter().position(|known| known.name == measure.name);
        let place = known.unwrap_or(self.measures.len());
        if known.is_none() {
            self.measures.push(measure);
        }
        self.values.entry((place, build)).or_default().push(value);
    }

    pub(super) fn compared(&self) -> Comparison {
        let row = |(place, measure): (usize, &Measure)| {
            let [before, after] = [Build::Before, Build::After].map(|build| {
                self.values.get(&(place, build)).map_or(f64::NAN, |values| median(values))
            });
            Row { name: measure.name, unit: measure.unit, goal: measure.goal, before, after }
        };
        Comparison { rows: self.measures.iter().enumerate().map(row).collect() }
    }
}

/// The middle value; the mean of the middle two.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN);
    let lower = sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN);
    f64::midpoint(lower, upper)
}

/// One thing that was measured of both.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Row {
    name: &'static str,
    unit: Unit,
    goal: Goal,
    before: f64,
    after: f64,
}

impl Row {
    fn ratio(&self) -> f64 {
        self.after / self.before
    }

    fn is_reached(&self) -> bool {
        match self.goal {
            Goal::TimesAtMost(most) => self.ratio() <= most,
            Goal::TimesAtLeast(least) => self.ratio() >= least,
            Goal::AtMost(most) => self.after <= most,
            Goal::None => true,
        }
    }
}

/// What came of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    rows: Vec<Row>,
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<42}{:>12}{:>12}{:>9}  goal", "", "before", "after", "ratio")?;
        for row in &self.rows {
            let [before, after] = [row.before, row.after].map(|value| amount(value, row.unit));
            write!(f, "{:<42}{before:>12}{after:>12}{:>8.2}x  ", row.name, row.ratio())?;
            match row.goal {
                Goal::TimesAtMost(most) => write!(f, "<= {most}x")?,
                Goal::TimesAtLeast(least) => write!(f, ">= {least}x")?,
                Goal::AtMost(most) => write!(f, "<= {}", amount(most, row.unit))?,
                Goal::None => {}
            }
            writeln!(f, "{}", if row.is_reached() { "" } else { "  missed" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Measure =
        Measure { name: "rate", unit: Unit::PerSecond, goal: Goal::TimesAtLeast(2.0) };

    #[test]
    fn medians_of_the_rounds_are_compared_with_the_goal() {
        let mut figures = Figures::default();
        for value in [1.0, 90.0, 3.0] {
            figures.add(RATE, Build::Before, value);
        }
        for value in [4.0, 7.0] {
            figures.add(RATE, Build::After, value);
        }

        let table = figures.compared().to_string();

        let row: Vec<&str> = table.lines().nth(1).unwrap_or_default().split_whitespace().collect();
        assert_eq!(row, ["rate", "3.0", "/s", "5.5", "/s", "1.83x", ">=", "2x", "missed"]);
    }
}
