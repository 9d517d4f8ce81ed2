//! Whom to trust.

use crate::error::{Error, Result};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use std::sync::Arc;

/// What makes a server's certificate good.
#[derive(Clone, Debug)]
pub(in crate::stores) struct Trust {
    /// A path of a PEM file, or its text.
    pub(in crate::stores) root_certificates: Option<String>,
    /// That of a proxy, too.
    pub(in crate::stores) proxy_ca_certificate: Option<String>,
    /// The roots of the system, too.
    pub(in crate::stores) uses_system: bool,
    /// Any certificate is good.
    pub(in crate::stores) trusts_anybody: bool,
    /// Whether TLS is wanted at all: a store of plain HTTP needs no roots.
    pub(in crate::stores) is_needed: bool,
    /// Whether a server may lead to TLS.
    pub(in crate::stores) is_possible: bool,
}

impl Trust {
    pub(in crate::stores) fn config(&self) -> Result<ClientConfig> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::argument(format!("TLS cannot be set up: {error}")))?;
        let Some(rule) = self.rule(&provider)? else {
            // TLS is not needed, and works with nobody.
            return Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth());
        };
        let verifier = Arc::new(Verifier { rule, provider });
        Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
    }

    /// Whom to trust; none: nobody.
    fn rule(&self, provider: &Arc<CryptoProvider>) -> Result<Option<Rule>> {
        if self.trusts_anybody {
            return Ok(Some(Rule::Anybody));
        }
        let (roots, given) = self.roots()?;
        if roots.is_empty() {
            return Ok(None);
        }
        let by_roots = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
            .build()
            .map_err(|error| Error::argument(format!("TLS cannot be set up: {error}")))?;
        Ok(Some(Rule::Roots { by_roots, given }))
    }

    /// All roots, and those of them that the options give.
    fn roots(&self) -> Result<(RootCertStore, Vec<CertificateDer<'static>>)> {
        let mut roots = RootCertStore::empty();
        let mut all_given = Vec::new();
        let given =
            [("root_certificates", &self.root_certificates), ("proxy_ca_certificate", &self.proxy_ca_certificate)];
        for (option, given) in given {
            for certificate in given.as_deref().map_or(Ok(Vec::new()), |given| certificates(given, option))? {
                roots.add(certificate.clone()).map_err(|error| bad(option, error))?;
                all_given.push(certificate);
            }
        }
        if (self.is_needed || self.is_possible) && self.uses_system {
            // Those that are unreadable are left out, as every other program does.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        if self.is_needed && roots.is_empty() {
            let message =
                "the system has no root certificates; install them (ca-certificates), or set root_certificates";
            return Err(Error::argument(message));
        }
        Ok((roots, all_given))
    }
}

fn certificates(given: &str, option: &str) -> Result<Vec<CertificateDer<'static>>> {
    let pem = if given.trim_start().starts_with("-----BEGIN") {
        given.as_bytes().to_vec()
    } else {
        std::fs::read(given).map_err(|error| bad(option, format!("the file cannot be read: {error}")))?
    };
    let parsed: Vec<_> =
        CertificateDer::pem_slice_iter(&pem).collect::<Result<_, _>>().map_err(|error| bad(option, error))?;
    if parsed.is_empty() { Err(bad(option, "there is no certificate in it")) } else { Ok(parsed) }
}

fn bad(option: &str, why: impl std::fmt::Display) -> Error {
    Error::argument(format!("option `{option}` takes a PEM file or its text: {why}"))
}

/// Whose certificate is good.
#[derive(Debug)]
enum Rule {
    /// For `allow_invalid_certificates`.
    Anybody,
    /// Whom the roots trust, and whoever shows a certificate that was given as a root itself: one that a server has
    /// signed for itself is both, which the library refuses by the book.
    Roots { by_roots: Arc<WebPkiServerVerifier>, given: Vec<CertificateDer<'static>> },
}

#[derive(Debug)]
struct Verifier {
    rule: Rule,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Rule::Roots { by_roots, given } = &self.rule else { return Ok(ServerCertVerified::assertion()) };
        let verified = by_roots.verify_server_cert(certificate, others, name, ocsp, now);
        if verified.is_err() && given.iter().any(|given| given == certificate) {
            verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
            return Ok(ServerCertVerified::assertion());
        }
        verified
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
