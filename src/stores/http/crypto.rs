//! What the crate signs with, and how it signs bytes that it never sees: it is given a payload of blanks, as long as
//! the bytes are, and when it asks for the digest of the blanks it is told that of the bytes.

use super::scope::Scope;
use crate::memory::{CHUNK, Lent, Revoked};
use bytes::Bytes;
use object_store::PutPayload;
use object_store::client::{CryptoProvider, DigestAlgorithm, DigestContext, HmacContext, Signer, SigningAlgorithm};
use ring::{digest, hmac, rand, signature};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject;
use std::sync::LazyLock;

/// Pages that nobody has touched take no memory, and nobody touches these.
static BLANKS: LazyLock<Bytes> = LazyLock::new(|| vec![0; 16 << 20].into());

/// A payload that stands for `size` bytes.
pub(in crate::stores) fn placeholder(size: usize) -> PutPayload {
    let whole = std::iter::repeat_n(BLANKS.clone(), size / BLANKS.len());
    let rest = BLANKS.slice(..size % BLANKS.len());
    whole.chain((!rest.is_empty()).then_some(rest)).collect()
}

fn are_blanks(data: &[u8]) -> bool {
    BLANKS.as_ptr_range().contains(&data.as_ptr())
}

/// The SHA-256 of lent bytes.
pub(in crate::stores) fn sha256(source: &Lent, offset: usize, size: usize) -> Result<[u8; 32], Revoked> {
    let mut context = digest::Context::new(&digest::SHA256);
    for begin in (0..size).step_by(CHUNK) {
        source.look_at(offset + begin, CHUNK.min(size - begin), |bytes| context.update(bytes))?;
    }
    let mut result = [0; 32];
    result.copy_from_slice(context.finish().as_ref());
    Ok(result)
}

/// The crate's provider of cryptography.
#[derive(Debug)]
pub(in crate::stores) struct Crypto;

impl CryptoProvider for Crypto {
    fn digest(&self, algorithm: DigestAlgorithm) -> object_store::Result<Box<dyn DigestContext>> {
        match algorithm {
            DigestAlgorithm::Sha256 => {
                Ok(Box::new(Sha256 { context: digest::Context::new(&digest::SHA256), told: None, result: None }))
            }
            _ => Err(failed("this digest is not known")),
        }
    }

    fn hmac(&self, algorithm: DigestAlgorithm, secret: &[u8]) -> object_store::Result<Box<dyn HmacContext>> {
        match algorithm {
            DigestAlgorithm::Sha256 => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
                Ok(Box::new(Hmac { context: Some(hmac::Context::with_key(&key)), result: None }))
            }
            _ => Err(failed("this digest is not known")),
        }
    }

    fn sign(&self, algorithm: SigningAlgorithm, pem: &[u8]) -> object_store::Result<Box<dyn Signer>> {
        match algorithm {
            SigningAlgorithm::RS256 => {
                let key = PrivatePkcs8KeyDer::from_pem_slice(pem).map_err(|_| failed("there is no private key"))?;
                let pair = signature::RsaKeyPair::from_pkcs8(key.secret_pkcs8_der())
                    .map_err(|_| failed("the private key is not one of RSA"))?;
                Ok(Box::new(Rsa(pair)))
            }
            _ => Err(failed("this signature is not known")),
        }
    }
}

fn failed(what: &'static str) -> object_store::Error {
    object_store::Error::Generic { store: "crypto", source: what.into() }
}

struct Sha256 {
    context: digest::Context,
    /// The digest of what the blanks stand for.
    told: Option<[u8; 32]>,
    result: Option<digest::Digest>,
}

impl DigestContext for Sha256 {
    fn update(&mut self, data: &[u8]) {
        if are_blanks(data) {
            self.told = Scope::digest();
        } else {
            self.context.update(data);
        }
    }

    fn finish(&mut self) -> object_store::Result<&[u8]> {
        if let Some(told) = &self.told {
            return Ok(told);
        }
        let result: &digest::Digest = self.result.get_or_insert_with(|| self.context.clone().finish());
        Ok(result.as_ref())
    }
}

/// What is to be signed for a URL of Azure's with the object's name as the server knows it: the crate puts it as it
/// stands in the URL, with escapes, and guesses from the host where the account is.
fn with_resource(text: &[u8], resource: &str) -> Option<Vec<u8>> {
    let lines = std::str::from_utf8(text).ok()?.split('\n');
    let lines: Vec<&str> = lines.map(|line| if line.starts_with("/blob/") { resource } else { line }).collect();
    Some(lines.join("\n").into_bytes())
}

struct Hmac {
    context: Option<hmac::Context>,
    result: Option<hmac::Tag>,
}

impl HmacContext for Hmac {
    fn update(&mut self, data: &[u8]) {
        let renamed = Scope::resource().and_then(|resource| with_resource(data, &resource));
        if let Some(context) = &mut self.context {
            context.update(renamed.as_deref().unwrap_or(data));
        }
    }

    fn finish(&mut self) -> object_store::Result<&[u8]> {
        if let Some(context) = self.context.take() {
            self.result = Some(context.sign());
        }
        self.result.as_ref().map(AsRef::as_ref).ok_or_else(|| failed("the code was never begun"))
    }
}

#[derive(Debug)]
struct Rsa(signature::RsaKeyPair);

impl Signer for Rsa {
    fn sign(&self, string_to_sign: &[u8]) -> object_store::Result<Vec<u8>> {
        let mut signed = vec![0; self.0.public().modulus_len()];
        self.0
            .sign(&signature::RSA_PKCS1_SHA256, &rand::SystemRandom::new(), string_to_sign, &mut signed)
            .map_err(|_| failed("signing failed"))?;
        Ok(signed)
    }
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::*;

    #[test]
    fn azure_signs_for_the_name_without_escapes() {
        let text = b"r\nstart\nend\n/blob/account/container/a%20b\n\n2023-11-03";
        let signed = with_resource(text, "/blob/account/container/a b").unwrap();
        assert_eq!(signed, b"r\nstart\nend\n/blob/account/container/a b\n\n2023-11-03");
    }
}
