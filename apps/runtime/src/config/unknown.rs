//! Variables that look like settings and are none.

use super::setting;

/// The beginnings that no other program's variables have.
const OURS: [&str; 2] = ["SOMA_", "SLM_"];
/// Ours, but no settings.
const KNOWN: [&str; 1] = ["SOMA_CONFIG"];
/// How many letters may differ for a name to be taken for another.
const TYPING_ERRORS: usize = 2;

/// A variable that looks like a setting and is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// Its name.
    pub variable: String,
    /// The setting that is probably meant.
    pub meant: Option<&'static str>,
}

/// Those of these variables, as pairs of name and value, that look like settings and are none.
pub fn unknown(variables: impl IntoIterator<Item = (String, String)>) -> Vec<Unknown> {
    let foreign = |(name, value): &(String, String)| is_known(name) || is_link(name, value);
    let variables = variables.into_iter().filter(|variable| !foreign(variable));
    let looked_at = variables.map(|(variable, _)| {
        let meant = meant(&variable);
        Unknown { variable, meant }
    });
    looked_at.filter(|it| it.meant.is_some() || is_ours(&it.variable)).collect()
}

fn is_known(name: &str) -> bool {
    KNOWN.contains(&name) || setting::ALL.iter().any(|setting| setting.variable == name)
}

fn is_ours(name: &str) -> bool {
    OURS.iter().any(|start| name.starts_with(start))
}

/// Whether Kubernetes made it, for a service by the name of `soma`.
fn is_link(name: &str, value: &str) -> bool {
    name.starts_with("SOMA_SERVICE_") || name.starts_with("SOMA_PORT_") || value.contains("://")
}

/// The setting whose name is nearest.
fn meant(name: &str) -> Option<&'static str> {
    let most = if is_ours(name) { name.len() / 3 } else { TYPING_ERRORS };
    let distance = |setting: &setting::Setting| strsim::osa_distance(name, setting.variable);
    let near = setting::ALL.iter().map(|setting| (distance(setting), setting.variable));
    near.filter(|(distance, _)| *distance <= most).min().map(|(_, variable)| variable)
}
