//! The TLS of the connections: rustls with ring.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject};
use rustls::{ClientConfig, RootCertStore};

use crate::settings::Tls;

/// Why the certificates to trust cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    #[error("the certificates to trust are no PEM")]
    Pem(#[source] pem::Error),
    #[error("there is no certificate to trust")]
    Empty,
    #[error(transparent)]
    Certificate(#[from] rustls::Error),
}

/// What rustls is to do.
pub(crate) fn client_config(tls: &Tls) -> Result<Arc<ClientConfig>, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let roots = match &tls.authorities {
        Some(pem) => roots(pem)?,
        None => RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() },
    };
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

fn roots(pem: &[u8]) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        roots.add(certificate.map_err(TlsError::Pem)?)?;
    }
    if roots.is_empty() { Err(TlsError::Empty) } else { Ok(roots) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_authorities_are_trusted_where_none_are_named() {
        assert!(client_config(&Tls::default()).is_ok());
    }

    #[test]
    fn certificates_that_cannot_be_used_are_refused() {
        let refused = |pem: &str| {
            client_config(&Tls { authorities: Some(pem.into()) }).unwrap_err().to_string()
        };

        assert_eq!(refused("none"), "there is no certificate to trust");
        let nonsense = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
        assert_eq!(refused(nonsense), "the certificates to trust are no PEM");
    }
}
