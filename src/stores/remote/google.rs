//! Credentials of Google Cloud Storage that the crate would look for in places that nobody named.

use super::super::http::Connector;
use super::vendor::Credentials;
use crate::error::Result;
use object_store::client::{CredentialProvider, HttpClient, HttpConnector, HttpRequest, HttpRequestBody};
use object_store::gcp::{GcpCredential, GcpCredentialProvider};
use object_store::{ClientOptions, StaticCredentialProvider};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

const METADATA: &str = "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token";
/// How long before its end a token is not used any more.
const MARGIN: Duration = Duration::from_secs(60);

/// The provider of these credentials, where it is not one that the crate makes of the options.
pub(super) fn provider(credentials: Credentials, connector: &Connector) -> Result<Option<GcpCredentialProvider>> {
    match credentials {
        Credentials::Static | Credentials::Env => Ok(None),
        Credentials::Anonymous => {
            let nobody = GcpCredential { bearer: String::new() };
            Ok(Some(Arc::new(StaticCredentialProvider::new(nobody))))
        }
        Credentials::Instance => {
            let options = ClientOptions::new().with_allow_http(true);
            let client = connector.connect(&options).map_err(super::vendor::wrong)?;
            Ok(Some(Arc::new(Instance { client, token: Mutex::default() })))
        }
    }
}

/// The machine's own server of tokens.
#[derive(Debug)]
struct Instance {
    client: HttpClient,
    token: Mutex<Option<Token>>,
}

struct Token {
    credential: Arc<GcpCredential>,
    until: Instant,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Token(hidden)")
    }
}

#[derive(serde::Deserialize)]
struct Told {
    access_token: String,
    expires_in: u64,
}

#[async_trait::async_trait]
impl CredentialProvider for Instance {
    type Credential = GcpCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<GcpCredential>> {
        // Whoever comes while it is asked for waits for the same answer.
        let mut token = self.token.lock().await;
        if let Some(token) = token.as_ref().filter(|token| token.until > Instant::now() + MARGIN) {
            return Ok(token.credential.clone());
        }
        let fresh = self.ask().await?;
        let credential = fresh.credential.clone();
        *token = Some(fresh);
        Ok(credential)
    }
}

impl Instance {
    async fn ask(&self) -> object_store::Result<Token> {
        let request = http::Request::get(METADATA).header("metadata-flavor", "Google");
        let request: HttpRequest = request.body(HttpRequestBody::empty()).map_err(failed)?;
        let body = self.client.execute(request).await.map_err(failed)?.into_body().bytes().await.map_err(failed)?;
        let told: Told = serde_json::from_slice(&body).map_err(failed)?;
        let credential = Arc::new(GcpCredential { bearer: told.access_token });
        let lasts = Duration::from_secs(told.expires_in.min(24 * 3600));
        Ok(Token { credential, until: Instant::now() + lasts })
    }
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> object_store::Error {
    object_store::Error::Generic { store: "GCS", source: Box::new(error) }
}
