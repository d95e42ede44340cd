//! Whose rows a transaction sees and changes.

use std::collections::BTreeSet;

use soma_core::ids::TenantId;

/// The tenants that a transaction is for: the policies of the tables let it see and change no other
/// rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scope(Option<BTreeSet<TenantId>>);

impl Scope {
    /// Of all tenants: for work that belongs to the platform.
    pub(crate) const fn platform() -> Self {
        Self(None)
    }

    /// Of one tenant.
    pub(crate) fn tenant(tenant: &TenantId) -> Self {
        Self::tenants([tenant])
    }

    /// Of some tenants; of none, nothing is seen.
    pub(crate) fn tenants<'a>(tenants: impl IntoIterator<Item = &'a TenantId>) -> Self {
        Self(Some(tenants.into_iter().cloned().collect()))
    }

    /// The statements that begin a transaction of this scope. The name of a tenant has neither a quote
    /// nor a comma in it, and is not `*`.
    pub(super) fn begin(&self) -> String {
        let tenants = match &self.0 {
            None => "*".to_owned(),
            Some(tenants) => tenants.iter().map(TenantId::as_str).collect::<Vec<_>>().join(","),
        };
        format!("BEGIN; SET LOCAL soma.tenants = '{tenants}'")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transaction_is_for_its_tenants_each_once() {
        let [a, b] = ["acme", "b-1.eu"].map(|name| TenantId::new(name).unwrap());

        let scope = Scope::tenants([&b, &a, &b]);

        assert_eq!(scope.begin(), "BEGIN; SET LOCAL soma.tenants = 'acme,b-1.eu'");
        assert_eq!(Scope::platform().begin(), "BEGIN; SET LOCAL soma.tenants = '*'");
    }

    #[test]
    fn no_tenant_is_named_as_all_of_them_or_as_two() {
        for name in ["*", "a,b", "a'b", ""] {
            assert!(TenantId::new(name).is_err(), "{name}");
        }
    }
}
