//! The words of a tenant in the index: each begins with a word that stands for the tenant, so that a
//! search reads nothing of others.

use soma_core::digest::Digest32;
use soma_core::ids::TenantId;

/// The word that stands for a tenant: one token, whatever the tenant's name. Two tenants may share one,
/// so what is found is still to be asked whose it is.
pub(super) struct Scope(String);

impl Scope {
    pub(super) fn of(tenant: &TenantId) -> Self {
        let digest = Digest32::of(tenant.as_str().as_bytes()).to_string();
        Self(format!("t{}", digest.get(..8).unwrap_or_default()))
    }

    /// What is indexed of a memory with these words.
    pub(super) fn document(&self, terms: &[String]) -> String {
        let words = terms.iter().flat_map(|term| [" ", self.0.as_str(), term.as_str()]);
        std::iter::once(self.0.as_str()).chain(words).collect()
    }

    /// What finds every memory of the tenant.
    pub(super) fn any(&self) -> String {
        self.all_of(&[""])
    }

    /// What finds the memories that have all of the words.
    pub(super) fn all_of(&self, terms: &[&str]) -> String {
        let quoted = |term: &&str| format!("\"{}{}\"", self.0, term.replace('"', "\"\""));
        terms.iter().map(quoted).collect::<Vec<_>>().join(" AND ")
    }
}
