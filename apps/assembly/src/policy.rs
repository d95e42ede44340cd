//! The policy that this process decides by itself.

use soma_policy::RegoPolicy;
use soma_runtime::config::Config;
use soma_runtime::report::Fatal;

/// The policy of the configured folder, or the platform's own.
///
/// # Errors
///
/// [`Fatal`] if the folder cannot be read, or holds no policy.
pub fn platform_policy(config: &Config) -> Result<RegoPolicy, Fatal> {
    let policy = match &config.policy_bundle {
        Some(folder) => RegoPolicy::from_folder(folder),
        None => RegoPolicy::platform(),
    };
    policy.map_err(|error| Fatal::new(error, "mend the policy, or unset POLICY_BUNDLE"))
}
