//! Signed URLs: what lets whoever has one do one thing to one object, for a time.

use super::super::http::Scope;
use super::RemoteStore;
use super::dialect::Dialect;
use super::refusal::Verb;
use crate::error::{Error, Kind, Result};
use crate::trace::Trace;
use http::Method;
use std::sync::Arc;
use std::time::Duration;

impl RemoteStore {
    /// The URL by which anybody may do this. A server is asked only for credentials, or for a signature where they
    /// cannot sign. Tries again.
    pub(crate) async fn sign(
        &self,
        key: &str,
        method: &Method,
        expires: Duration,
        trace: &Arc<Trace>,
    ) -> Result<String> {
        let mut retry = self.retry(trace);
        loop {
            match self.sign_once(key, method, expires).await {
                Err(error) => retry.again(error).await?,
                signed => return signed,
            }
        }
    }

    async fn sign_once(&self, key: &str, method: &Method, expires: Duration) -> Result<String> {
        let no_signer = || Error::new(Kind::Unsupported, "this store has no signed URLs");
        let signer = self.client.signer.as_ref().ok_or_else(no_signer)?;
        let path = self.path(key)?;
        let resource = self.client.signed_root.as_ref().map(|root| format!("{root}{}", self.full(key)));
        // Azure has a permission to read, and none to head alone; the crate knows none for it.
        let method = if self.dialect == Dialect::Azure && method == Method::HEAD { &Method::GET } else { method };
        let signed = signer.signed_url(method.clone(), &path, expires);
        match self.call(Scope::reading().showing_body().signing(resource), signed).await {
            (_, Ok(url)) => Ok(url.into()),
            (Ok(answer), Err(_)) => Err(self.refusal(Verb::Read, answer).await),
            // Nobody has asked for anything wrong: it is about what a server gave to sign with.
            (Err(error), Err(_)) if error.kind == Kind::Argument => {
                let message =
                    "the URL could not be signed with the credentials, or the key that the server gave for it";
                Err(Error::new(Kind::Unauthenticated, message))
            }
            (Err(error), Err(_)) => Err(error),
        }
    }
}
