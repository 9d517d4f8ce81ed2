//! Credentials that are fetched from a server: the crate fetches and keeps them, and unwraps what it makes of them.
//! Here is who waits for whom, what they may look like, and why there are none.

use super::super::dialect::check_header;
use crate::error::{Error, Kind};
use crate::stores::http::{NO_CREDENTIALS, Scope};
use futures_util::future::FutureExt;
use object_store::aws::AwsCredential;
use object_store::azure::AzureCredential;
use object_store::client::CredentialProvider;
use object_store::gcp::{GcpCredential, GcpSigningCredential};
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Mutex;

type Provider<C> = Arc<dyn CredentialProvider<Credential = C>>;

/// See the module.
pub(super) struct Fetched<C> {
    provider: Provider<C>,
    /// How the last one to ask has failed; held by whoever asks.
    failure: Mutex<Option<(Instant, Error)>>,
}

impl<C> Fetched<C> {
    pub(super) fn new(provider: &Provider<C>) -> Arc<Fetched<C>> {
        Arc::new(Fetched { provider: provider.clone(), failure: Mutex::default() })
    }
}

impl<C> fmt::Debug for Fetched<C> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Fetched(hidden)")
    }
}

#[async_trait::async_trait]
impl<C: Sendable + 'static> CredentialProvider for Fetched<C> {
    type Credential = C;

    async fn get_credential(&self) -> object_store::Result<Arc<C>> {
        let begun = Instant::now();
        let mut failure = self.failure.lock().await;
        // Whoever has waited for an answer has it, whatever it is.
        if let Some((_, error)) = failure.as_ref().filter(|(at, _)| *at >= begun) {
            return Err(told(error.clone()));
        }
        let error = match AssertUnwindSafe(self.provider.get_credential()).catch_unwind().await {
            Ok(Ok(credential)) if credential.is_sendable() => return Ok(credential),
            Ok(Err(error)) => Scope::credentials_failure().unwrap_or_else(|| not_had(&error)),
            Ok(Ok(_)) | Err(_) => refused("their server, or a token file, has what fits into no request"),
        };
        *failure = Some((Instant::now(), error.clone()));
        Err(told(error))
    }
}

/// Lets our error through the crate.
fn told(error: Error) -> object_store::Error {
    object_store::Error::Unauthenticated { path: String::new(), source: Box::new(error) }
}

fn refused(why: &str) -> Error {
    Error::new(Kind::Unauthenticated, format!("{NO_CREDENTIALS}: {why}"))
}

/// The crate may quote the document that it could not read; only of files does it not.
fn not_had(error: &object_store::Error) -> Error {
    let text = error.to_string();
    match text.contains("token file") {
        true => refused(text.split_once(" error: ").map_or(&text[..], |(_, why)| why)),
        false => refused("what their server answered is no document with credentials in it"),
    }
}

/// Credentials that a request can carry.
pub(super) trait Sendable: Send + Sync {
    fn is_sendable(&self) -> bool;
}

fn is_text(value: &str) -> bool {
    !value.is_empty() && check_header(value, "credential").is_ok()
}

impl Sendable for AwsCredential {
    fn is_sendable(&self) -> bool {
        is_text(&self.key_id) && is_text(&self.secret_key) && self.token.as_deref().is_none_or(is_text)
    }
}

impl Sendable for AzureCredential {
    fn is_sendable(&self) -> bool {
        match self {
            AzureCredential::BearerToken(token) => is_text(token),
            AzureCredential::AccessKey(_) | AzureCredential::SASToken(_) => true,
        }
    }
}

impl Sendable for GcpCredential {
    fn is_sendable(&self) -> bool {
        is_text(&self.bearer)
    }
}

impl Sendable for GcpSigningCredential {
    fn is_sendable(&self) -> bool {
        is_text(&self.email)
    }
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::time::Duration;

    /// Says this, or nothing, after some time.
    #[derive(Debug)]
    struct Slow(&'static str, AtomicUsize);

    #[async_trait::async_trait]
    impl CredentialProvider for Slow {
        type Credential = GcpCredential;

        async fn get_credential(&self) -> object_store::Result<Arc<GcpCredential>> {
            self.1.fetch_add(1, Relaxed);
            tokio::time::sleep(Duration::from_millis(20)).await;
            match self.0 {
                "" => {
                    Err(object_store::Error::Generic { store: "test", source: "\"THE-SECRET\" is no document".into() })
                }
                "panic" => panic!("what the crate unwraps"),
                bearer => Ok(Arc::new(GcpCredential { bearer: bearer.to_string() })),
            }
        }
    }

    fn asked(says: &'static str) -> (Vec<object_store::Result<Arc<GcpCredential>>>, usize) {
        let slow = Arc::new(Slow(says, AtomicUsize::new(0)));
        let fetched = Fetched::new(&(slow.clone() as Provider<GcpCredential>));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let all = runtime.block_on(futures_util::future::join_all((0..10).map(|_| fetched.get_credential())));
        (all, slow.1.load(Relaxed))
    }

    #[test]
    fn who_waits_for_a_failure_has_it() {
        for says in ["", "a\nb", "panic"] {
            let (all, times) = asked(says);
            assert_eq!((all.len(), times), (10, 1), "{says:?}");
            for outcome in all {
                let text = std::error::Error::source(&outcome.unwrap_err()).unwrap().to_string();
                assert!(text.starts_with(NO_CREDENTIALS) && !text.contains("SECRET"), "{says:?}: {text}");
            }
        }
    }

    #[test]
    fn good_ones_go_through() {
        let (all, _) = asked("token");
        assert!(all.into_iter().all(|outcome| outcome.unwrap().bearer == "token"));
    }
}
