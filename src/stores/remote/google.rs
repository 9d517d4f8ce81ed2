//! Credentials of Google Cloud Storage: documents of keys, which are read here so that nothing of them is ever quoted,
//! and the metadata server, which the crate would look for in places that nobody named.

use super::super::http::Connector;
use super::super::options::Options;
use crate::error::{Error, Result};
use object_store::ClientOptions;
use object_store::client::{CredentialProvider, HttpClient, HttpConnector, HttpRequest, HttpRequestBody};
use object_store::gcp::{GcpCredential, GcpCredentialProvider};
use serde::Deserialize;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

const METADATA: &str = "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token";
/// How long before its end a token is not used any more.
const MARGIN: Duration = Duration::from_secs(60);

/// The options that are a document, or name its file.
pub(super) const OF_DOCUMENTS: [&str; 3] = ["service_account", "service_account_key", "application_credentials"];

/// A document of credentials.
pub(super) struct Document {
    /// The crate's option that takes it, and what that takes.
    pub(super) option: &'static str,
    pub(super) value: String,
    /// Another place of the service.
    pub(super) base_url: Option<String>,
    /// What must never be shown.
    pub(super) secrets: Vec<String>,
    /// It is for a server that asks nobody who he is.
    pub(super) is_nobody: bool,
}

#[derive(Deserialize)]
struct ServiceAccount {
    private_key: String,
    #[serde(rename = "private_key_id")]
    _id: String,
    #[serde(rename = "client_email")]
    _email: String,
    #[serde(default)]
    gcs_base_url: Option<String>,
    #[serde(default, rename = "disable_oauth")]
    is_nobody: bool,
}

#[derive(Deserialize)]
struct AuthorizedUser {
    #[serde(rename = "client_id")]
    _id: String,
    client_secret: String,
    refresh_token: String,
}

#[derive(Deserialize)]
struct Typed {
    r#type: String,
}

/// The document that the options give, if they give one. All of it that is wanted is there.
pub(super) fn document(options: &Options) -> Result<Option<Document>> {
    let given = OF_DOCUMENTS.into_iter().find_map(|option| Some((option, options.value(option)?)));
    let Some((option, value)) = given else { return Ok(None) };
    if option == "service_account_key" {
        return service_account(option, value.to_string()).map(Some);
    }
    let text = std::fs::read_to_string(value)
        .map_err(|error| Error::argument(format!("option `{option}`: the file `{value}` cannot be read: {error}")))?;
    if option == "service_account" {
        return service_account(option, text).map(Some);
    }
    match serde_json::from_str(&text).map(|Typed { r#type }| r#type).as_deref() {
        Ok("service_account") => service_account(option, text).map(Some),
        Ok("authorized_user") => authorized_user(option, value, &text).map(Some),
        _ => Err(no_document(option, "an object whose type is service_account or authorized_user")),
    }
}

/// What the reader of JSON says may quote the document.
fn no_document(option: &str, wanted: &str) -> Error {
    Error::argument(format!("option `{option}` has to bring JSON: {wanted}"))
}

fn service_account(option: &str, text: String) -> Result<Document> {
    let account: ServiceAccount = serde_json::from_str(&text)
        .map_err(|_| no_document(option, "an object with private_key, private_key_id and client_email"))?;
    let secrets = vec![account.private_key];
    let (base_url, is_nobody) = (account.gcs_base_url, account.is_nobody);
    Ok(Document { option: "service_account_key", value: text, base_url, secrets, is_nobody })
}

fn authorized_user(option: &str, path: &str, text: &str) -> Result<Document> {
    let user: AuthorizedUser = serde_json::from_str(text)
        .map_err(|_| no_document(option, "an object with client_id, client_secret and refresh_token"))?;
    let secrets = vec![user.client_secret, user.refresh_token];
    let value = path.to_string();
    Ok(Document { option: "application_credentials", value, base_url: None, secrets, is_nobody: false })
}

/// The provider of the machine's own credentials.
pub(super) fn of_machine(connector: &Connector) -> Result<GcpCredentialProvider> {
    let options = ClientOptions::new().with_allow_http(true);
    let client = connector.connect(&options).map_err(super::vendor::wrong)?;
    Ok(Arc::new(Instance { client, token: Mutex::default() }))
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

#[derive(Deserialize)]
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

#[cfg(all(test, not(model)))]
mod tests {
    use super::super::dialect::Dialect;
    use super::*;

    fn document_of(option: &str, value: &str) -> Result<Option<Document>> {
        let pairs = [(option.to_string(), value.to_string())];
        document(&Options::new("gs", &[], Some(&Dialect::Google), &pairs)?)
    }

    #[test]
    fn documents_are_read_whole() {
        let account = r#"{"type": "service_account", "private_key": "SECRET", "private_key_id": "1", "client_email": "m",
            "gcs_base_url": "http://host"}"#;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("account.json");
        std::fs::write(&path, account).unwrap();
        let path = path.to_str().unwrap();
        for (option, value) in
            [("service_account_key", account), ("service_account", path), ("application_credentials", path)]
        {
            let document = document_of(option, value).unwrap().unwrap();
            assert_eq!((document.option, &document.value[..]), ("service_account_key", account));
            assert_eq!(
                (document.base_url.as_deref(), &document.secrets[..]),
                (Some("http://host"), &["SECRET".into()][..])
            );
        }
        assert!(document_of("bearer_token", "token").unwrap().is_none());
    }

    #[test]
    fn nothing_of_a_bad_document_is_quoted() {
        for value in [
            "",
            "SECRET",
            "\"SECRET\"",
            r#"{"private_key": "SECRET"}"#,
            r#"{"private_key": {"SECRET": 1}, "private_key_id": "1", "client_email": "m"}"#,
            r#"{"private_key": "a", "private_key_id": "1", "client_email": "m", "disable_oauth": "SECRET"}"#,
        ] {
            let error = document_of("service_account_key", value).err().unwrap();
            assert!(error.message.contains("service_account_key") && !error.message.contains("SECRET"), "{error}");
        }
        let error = document_of("service_account", "/not/there.json").err().unwrap();
        assert!(error.message.contains("/not/there.json"), "{error}");
    }
}
