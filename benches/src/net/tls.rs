//! TLS for the bare socket and the sink: rustls with ring, as in the library.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// Makes ring the provider of the raw crate's client, which asks for the one of the process.
pub fn install_provider() {
    // The second time there is one already, which is this one.
    let _ = ring::default_provider().install_default();
}

/// A client that trusts one certificate.
pub fn client(certificate: &Path) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_file(certificate).expect("the certificate was made");
    roots.add(certificate).expect("a certificate to trust");
    let config = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    Arc::new(config.expect("ring has what TLS needs").with_root_certificates(roots).with_no_client_auth())
}

/// A server with that certificate and its key.
pub fn server(certificate: &Path, key: &Path) -> Arc<ServerConfig> {
    let certificate = CertificateDer::from_pem_file(certificate).expect("the certificate was made");
    let key = PrivateKeyDer::from_pem_file(key).expect("its key was made");
    let config = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let config = config.expect("ring has what TLS needs").with_no_client_auth();
    Arc::new(config.with_single_cert(vec![certificate], key).expect("the key is the certificate's"))
}
