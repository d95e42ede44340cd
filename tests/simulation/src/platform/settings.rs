//! The settings of services that are tested.

use std::time::Duration;

use soma_core::conversation::profile::ModelProfile;
use soma_core::flows::claims::Capacity;
use soma_core::turn::config::TurnConfig;
use soma_services::Settings;

/// Settings with one small model, and a few rounds of tools.
pub fn settings() -> Settings {
    let turns = TurnConfig {
        dialogue: profile("first"),
        max_tool_rounds: 3,
        max_model_tries: 3,
        least_answer_tokens: 16,
        ..TurnConfig::of("first")
    };
    let capacity = Capacity { drain: Duration::from_secs(30), ..Capacity::default() };
    Settings { capacity, ..Settings::of(turns) }
}

/// A small model.
pub fn profile(model: &str) -> ModelProfile {
    ModelProfile::new(model, 200, 4_000)
}
