//! What the health routes report.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::Serialize;
use utoipa::ToSchema;

/// Knows how the parts of the gateway are.
#[async_trait]
pub trait Health: Send + Sync {
    /// How every part is.
    async fn report(&self) -> HealthReport;

    /// Why requests cannot be served now, for people; none if they can.
    fn not_ready(&self) -> Option<String>;
}

/// How a part, or the whole, is. The worse is the greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HealthStatus {
    /// It does what it should.
    #[default]
    Ok,
    /// It does what it should, but late or in part.
    Degraded,
    /// It does nothing.
    Down,
}

/// How one part is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct ComponentHealth {
    /// How it is.
    pub status: HealthStatus,
    /// What is to be said about it, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// How many records it is behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lag: Option<u64>,
    /// How much waits for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depth: Option<u64>,
}

/// How every part is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct HealthReport {
    /// That of the worst part.
    status: HealthStatus,
    components: BTreeMap<String, ComponentHealth>,
}

impl HealthReport {
    /// The report on these parts, by name.
    pub fn new(components: BTreeMap<String, ComponentHealth>) -> Self {
        let statuses = components.values().map(|component| component.status);
        Self { status: statuses.max().unwrap_or_default(), components }
    }

    /// The status of the worst part.
    pub fn status(&self) -> HealthStatus {
        self.status
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_is_as_well_as_its_worst_part() {
        let part = |status| ComponentHealth { status, ..ComponentHealth::default() };
        let of = |statuses: &[HealthStatus]| {
            let parts = statuses.iter().enumerate();
            HealthReport::new(parts.map(|(n, s)| (n.to_string(), part(*s))).collect()).status()
        };

        assert_eq!(of(&[]), HealthStatus::Ok);
        assert_eq!(of(&[HealthStatus::Ok, HealthStatus::Degraded]), HealthStatus::Degraded);
        assert_eq!(of(&[HealthStatus::Down, HealthStatus::Degraded]), HealthStatus::Down);
    }
}
