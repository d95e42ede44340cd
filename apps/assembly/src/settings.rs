//! How the services are set.

use std::time::Duration;

use soma_core::flows::claims::Capacity;
use soma_core::ports::rate_limit::Rate;
use soma_core::turn::config::TurnConfig;
use soma_runtime::config::Config;
use soma_services::Settings;

/// The name of the offline model in its profile.
const OFFLINE: &str = "offline";

/// How the services are set.
pub fn settings(config: &Config) -> Settings {
    let profile = |model: &str| config.answers.profile(model);
    let name = config.model.as_ref().map_or(OFFLINE, |server| server.model.as_str());
    let per_minute = |requests: u32| Rate { requests, per: Duration::from_mins(1) };
    Settings {
        turns: TurnConfig {
            dialogue: profile(name),
            budget_limit: config.budget_limit,
            escalation: config.answers.escalation_model.as_deref().map(profile),
            fallback: config.answers.fallback_model.as_deref().map(profile),
            ..TurnConfig::of(name)
        },
        capacity: Capacity {
            sessions: config.worker_concurrency.get(),
            per_tenant: config.tenant_concurrency.get(),
            drain: config.drain,
        },
        rate: config.rate_per_minute.map(|requests| per_minute(requests.get())),
        backlog: Some(config.backlog),
    }
}
