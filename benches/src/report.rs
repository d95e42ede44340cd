//! What was measured, beside what the machine alone can do.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// A time.
    Seconds,
    /// A rate.
    PerSecond,
    /// A size.
    Bytes,
    /// A number of things.
    Count,
}

/// What the machine alone can do, measured in the same run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Floor {
    /// What it is.
    pub name: &'static str,
    /// How much, in the unit of the figure.
    pub value: f64,
    /// The figure divided by it.
    pub ratio: f64,
}

/// One thing that was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// The scene it was measured in.
    pub scene: String,
    /// What was measured.
    pub name: &'static str,
    /// How much.
    pub value: f64,
    /// Of what.
    pub unit: Unit,
    /// What it is compared with, where that makes sense.
    pub floor: Option<Floor>,
}

impl Figure {
    /// The figure beside what the machine alone can do.
    #[must_use]
    pub fn over(self, name: &'static str, value: f64) -> Self {
        let floor = Some(Floor { name, value, ratio: self.value / value });
        Self { floor, ..self }
    }
}

/// The figures of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// In the order they were measured.
    pub figures: Vec<Figure>,
}

impl Report {
    /// Adds what was measured in a scene.
    pub fn add(&mut self, scene: &Scene) {
        self.figures.extend(scene.figures.iter().cloned());
    }
}

/// The figures of one scene.
#[derive(Clone, Debug)]
pub struct Scene {
    name: String,
    figures: Vec<Figure>,
}

impl Scene {
    /// A scene in which nothing was measured yet.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), figures: Vec::new() }
    }

    /// Adds a time.
    pub fn time(&mut self, name: &'static str, span: Duration) -> &mut Self {
        self.figure(name, span.as_secs_f64(), Unit::Seconds)
    }

    /// Adds a figure.
    pub fn figure(&mut self, name: &'static str, value: f64, unit: Unit) -> &mut Self {
        let scene = self.name.clone();
        self.figures.push(Figure { scene, name, value, unit, floor: None });
        self
    }

    /// Sets the last figure beside what the machine alone can do.
    pub fn over(&mut self, name: &'static str, value: f64) -> &mut Self {
        if let Some(figure) = self.figures.pop() {
            self.figures.push(figure.over(name, value));
        }
        self
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut scene = "";
        for figure in &self.figures {
            if figure.scene != scene {
                scene = &figure.scene;
                writeln!(f, "\n{scene}")?;
            }
            let value = amount(figure.value, figure.unit);
            write!(f, "  {:<36}{value:>12}", figure.name)?;
            if let Some(floor) = &figure.floor {
                let alone = amount(floor.value, figure.unit);
                write!(f, "{:>9.2} × {alone} ({})", floor.ratio, floor.name)?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// A value as people read it.
pub(crate) fn amount(value: f64, unit: Unit) -> String {
    let scaled = |steps: &[(f64, &str)]| {
        let fits = steps.iter().find(|(least, _)| value.abs() >= *least).or(steps.last());
        fits.map_or_else(String::new, |(least, name)| format!("{:.1} {name}", value / least))
    };
    match unit {
        Unit::Seconds => scaled(&[(1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")]),
        Unit::PerSecond => scaled(&[(1e6, "M/s"), (1e3, "k/s"), (1.0, "/s")]),
        Unit::Bytes => scaled(&[(1_048_576.0, "MiB"), (1024.0, "KiB"), (1.0, "B")]),
        Unit::Count => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_shows_each_figure_with_its_floor() {
        let mut scene = Scene::new("open loop");
        scene.time("accept p50", Duration::from_micros(2_500)).over("bare HTTP", 5e-4);
        scene.figure("memory", 3.0 * 1_048_576.0, Unit::Bytes);
        let mut report = Report::default();
        report.add(&scene);

        let table = report.to_string();

        let lines: Vec<Vec<&str>> =
            table.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[1], ["open", "loop"]);
        let expected = ["accept", "p50", "2.5", "ms", "5.00", "×", "500.0", "µs", "(bare", "HTTP)"];
        assert_eq!(lines[2], expected);
        assert_eq!(lines[3], ["memory", "3.0", "MiB"]);
    }
}
