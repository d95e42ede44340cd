//! The machine that was measured on, and how busy others kept it.

use std::fs;
use std::thread::available_parallelism;

use super::error::LoadError;
use crate::report::{Scene, Unit};
use crate::samples::number;

/// How many processors there are, and how many threads wanted one in the last minute.
pub(super) fn scene(name: &'static str) -> Result<Scene, LoadError> {
    let mut scene = Scene::new(name);
    let processors = available_parallelism().map_err(LoadError::io("count the processors"))?;
    scene.figure("processors", number(processors.get()), Unit::Count);
    scene.figure("load average, 1 min", load()?, Unit::Count);
    Ok(scene)
}

fn load() -> Result<f64, LoadError> {
    let text = fs::read_to_string("/proc/loadavg").map_err(LoadError::io("read /proc"))?;
    let first = text.split_whitespace().next().and_then(|load| load.parse().ok());
    first.ok_or(LoadError::NoReading("the load"))
}
