//! The six services over the embedded ports.

use std::collections::BTreeMap;

use soma_assembly::{Reached, gateway};
use soma_core::flows::stop::Stop;
use soma_runtime::config::Config;
use soma_services::{Composition, Factory, Unit};

/// How each service is made.
pub(super) fn factories(
    config: &Config,
    composition: &Composition,
    reached: &Reached,
) -> BTreeMap<&'static str, Factory> {
    let factory = |unit: Unit| {
        let (config, composition, reached) = (config.clone(), composition.clone(), reached.clone());
        let make = move |stop: &Stop| match unit.background() {
            Some(make) => make(&composition),
            None => gateway(&config, &composition, &reached, stop),
        };
        (unit.name(), Box::new(make) as Factory)
    };
    Unit::ALL.map(factory).into()
}
