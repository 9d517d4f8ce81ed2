//! The vendors' own words: their URLs, their options, where their credentials come from, and the crate's client made of
//! all that.

use super::super::http::{Connector, Crypto};
use super::super::key;
use super::super::options::{Options, Vendor};
use super::config::{OF_REMOTE, choice};
use super::dialect::Dialect;
use super::google;
use crate::error::{Error, Kind, Result};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::client::ClientConfigKey;
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::http::HttpBuilder;
use object_store::list::PaginatedListStore;
use object_store::multipart::MultipartStore;
use object_store::{ClientOptions, ObjectStore, ObjectStoreScheme, RetryConfig};
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// The crate's client of a store, by what it can do.
pub(super) struct Client {
    pub(super) objects: Arc<dyn ObjectStore>,
    pub(super) parts: Option<Arc<dyn MultipartStore>>,
    pub(super) pages: Option<Arc<dyn PaginatedListStore>>,
    /// The digest of what is put is part of its signature.
    pub(super) signs_payload: bool,
    /// Of plain HTTP: the path that the store is at, with a `/` at its end.
    pub(super) base_path: Vec<u8>,
}

/// Where a store is.
pub(crate) struct Place {
    pub(super) dialect: Dialect,
    pub(super) url: String,
    /// What all keys begin with; empty, or with a `/` at its end.
    pub(super) root: String,
}

impl Place {
    /// The place that a URL tells.
    pub(crate) fn parse(text: &str) -> Result<Place> {
        let malformed = |why: String| Error::argument(format!("the URL is malformed: {why}"));
        let url = Url::parse(text).map_err(|error| malformed(error.to_string()))?;
        let is_abfs = matches!(url.scheme(), "az" | "abfs" | "abfss");
        let superfluous = [
            (url.password().is_some() || (!url.username().is_empty() && !is_abfs), "a user; credentials are options"),
            (url.query().is_some(), "a query (`?…`; write `%3F` for a question mark)"),
            (url.fragment().is_some(), "a fragment (`#…`; write `%23` for a hash)"),
        ];
        if let Some((_, what)) = superfluous.iter().find(|(is_there, _)| *is_there) {
            return Err(Error::argument(format!("the URL of a store has no place for {what}")));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(malformed(format!("a bucket, container or host is needed, as {}://name", url.scheme())));
        }
        let (scheme, path) = ObjectStoreScheme::parse(&url).map_err(|error| malformed(error.to_string()))?;
        let dialect = match scheme {
            ObjectStoreScheme::AmazonS3 => Dialect::S3,
            ObjectStoreScheme::MicrosoftAzure => Dialect::Azure,
            ObjectStoreScheme::GoogleCloudStorage => Dialect::Google,
            _ => Dialect::Web,
        };
        let prefix = path.as_ref();
        if !prefix.is_empty() {
            key::check(prefix)?;
            dialect.check_key(prefix)?;
        }
        let is_within = dialect != Dialect::Web && !prefix.is_empty();
        let root = if is_within { format!("{prefix}/") } else { String::new() };
        // A place of plain HTTP is a folder, whose name ends with a slash or does not.
        let url = if dialect == Dialect::Web { text.trim_end_matches('/').to_string() } else { text.to_string() };
        Ok(Place { dialect, url, root })
    }

    /// The options that its stores take.
    pub(crate) fn options(&self, pairs: &[(String, String)]) -> Result<Options> {
        Options::new(self.dialect.name(), &OF_REMOTE, Some(&self.dialect), pairs)
    }
}

impl Vendor for Dialect {
    fn prefix(&self) -> &'static str {
        self.option_prefix()
    }

    fn canonical(&self, name: &str) -> Option<String> {
        let known = |name: &str| match self {
            Dialect::S3 => name.parse().ok().map(|key: AmazonS3ConfigKey| key.as_ref().to_string()),
            Dialect::Azure => name.parse().ok().map(|key: AzureConfigKey| key.as_ref().to_string()),
            Dialect::Google => name.parse().ok().map(|key: GoogleConfigKey| key.as_ref().to_string()),
            Dialect::Web => name.parse().ok().map(|key: ClientConfigKey| key.as_ref().to_string()),
        };
        // The crate knows some of its own names only with the vendor's before them, or only without.
        let canonical = known(name).or_else(|| known(name.strip_prefix(self.option_prefix())?))?;
        let bare = canonical.strip_prefix(self.option_prefix()).unwrap_or(&canonical);
        Some(match (self, bare) {
            // One name for each, without the vendor's.
            (Dialect::Azure, bare) => bare.strip_prefix("storage_").unwrap_or(bare).to_string(),
            (_, "session_token") => "token".to_string(),
            (_, "read_timeout") => "stall_timeout".to_string(),
            _ => bare.to_string(),
        })
    }

    fn refusal(&self, name: &str, value: &str) -> Option<String> {
        let why = match name {
            "s3_express" => "directory buckets (S3 Express One Zone) list in no order, and are not in this build",
            "checksum_algorithm" if !value.eq_ignore_ascii_case("sha256") => "only sha256 is in this build",
            "use_azure_cli" => "no other program is run; get a token with it, and give it as bearer_token",
            "disable_bulk_delete" | "disable_tagging" | "copy_if_not_exists" => "what it is about is not in this build",
            "http1_only" if value == "true" => return None,
            "http1_only" | "http2_only" | "http2_keep_alive_interval" | "http2_keep_alive_timeout" => HTTP1,
            "http2_keep_alive_while_idle" | "http2_max_frame_size" => HTTP1,
            "randomize_addresses" => "addresses are tried in the order that the system gives them in",
            "credentials" if matches!(value, "profile" | "callback") => "it is not in this build",
            "bucket" | "container_name" => "the URL names it",
            _ => return None,
        };
        Some(why.to_string())
    }

    fn names(&self) -> &'static [&'static str] {
        match self {
            Dialect::S3 => &S3_NAMES,
            Dialect::Azure => &AZURE_NAMES,
            Dialect::Google => &GOOGLE_NAMES,
            Dialect::Web => &[],
        }
    }
}

const HTTP1: &str = "this build speaks HTTP/1.1";

const S3_NAMES: [&str; 24] = [
    "access_key_id",
    "secret_access_key",
    "token",
    "region",
    "endpoint",
    "virtual_hosted_style_request",
    "unsigned_payload",
    "checksum_algorithm",
    "skip_signature",
    "conditional_put",
    "request_payer",
    "server_side_encryption",
    "sse_kms_key_id",
    "sse_bucket_key_enabled",
    "sse_customer_key_base64",
    "imdsv1_fallback",
    "metadata_endpoint",
    "web_identity_token_file",
    "role_arn",
    "role_session_name",
    "endpoint_url_sts",
    "container_credentials_relative_uri",
    "container_credentials_full_uri",
    "container_authorization_token_file",
];

const AZURE_NAMES: [&str; 17] = [
    "account_name",
    "account_key",
    "sas_key",
    "bearer_token",
    "client_id",
    "client_secret",
    "tenant_id",
    "authority_host",
    "endpoint",
    "use_emulator",
    "msi_endpoint",
    "object_id",
    "msi_resource_id",
    "federated_token_file",
    "skip_signature",
    "credential_type",
    "encryption_key",
];

const GOOGLE_NAMES: [&str; 6] =
    ["service_account", "service_account_key", "application_credentials", "bearer_token", "base_url", "skip_signature"];

/// Where credentials come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Credentials {
    /// From the options.
    Static,
    /// From the variables of the environment, now.
    Env,
    /// From the machine's own server of them.
    Instance,
    Anonymous,
}

impl Credentials {
    /// What the options choose. Whoever has none must say so: nobody is asked for them who was not meant.
    pub(super) fn chosen(dialect: Dialect, options: &mut Options) -> Result<Credentials> {
        let statics = static_names(dialect);
        let given = statics.iter().copied().find(|name| options.value(name).is_some());
        let skips = options.value("skip_signature") == Some("true");
        let chosen = match (options.value("credentials"), given) {
            (None, _) if skips || dialect == Dialect::Web => Credentials::Anonymous,
            (None | Some("static"), Some(_)) => Credentials::Static,
            (Some("anonymous"), None) => Credentials::Anonymous,
            (Some("env"), None) if dialect != Dialect::Web => Credentials::Env,
            (Some("instance"), None) if dialect != Dialect::Web => Credentials::Instance,
            (Some("env" | "instance" | "anonymous"), Some(given)) => {
                let message = format!("option `{given}` and the choice of `credentials` contradict each other");
                return Err(Error::argument(message));
            }
            (None | Some("static"), None) => {
                let message = format!(
                    "there are no credentials: set {}; or credentials=env, instance or anonymous",
                    statics.join(", or ")
                );
                return Err(Error::argument(message));
            }
            (Some(other), _) => return Err(choice(other)),
        };
        if chosen == Credentials::Env {
            take_from_environment(dialect, options)?;
        }
        let told = format!("{chosen:?}").to_lowercase();
        options.tell("credentials", told);
        Ok(chosen)
    }
}

/// Options any of which is a credential.
fn static_names(dialect: Dialect) -> &'static [&'static str] {
    match dialect {
        Dialect::S3 => &["access_key_id", "secret_access_key"],
        Dialect::Azure => &["account_key", "sas_key", "token", "client_secret", "use_emulator"],
        Dialect::Google => &["service_account", "service_account_key", "application_credentials", "bearer_token"],
        Dialect::Web => &[],
    }
}

/// Variables, and the options that they stand for. One of the first three, where it is named so, must be there.
fn variables(dialect: Dialect) -> &'static [(&'static str, &'static str)] {
    match dialect {
        Dialect::S3 => &[
            ("AWS_ACCESS_KEY_ID", "access_key_id"),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", "web_identity_token_file"),
            ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "container_credentials_relative_uri"),
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "container_credentials_full_uri"),
            ("AWS_SECRET_ACCESS_KEY", "secret_access_key"),
            ("AWS_SESSION_TOKEN", "token"),
            ("AWS_REGION", "region"),
            ("AWS_DEFAULT_REGION", "region"),
            ("AWS_ROLE_ARN", "role_arn"),
            ("AWS_ROLE_SESSION_NAME", "role_session_name"),
            ("AWS_ENDPOINT_URL_STS", "endpoint_url_sts"),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "container_authorization_token_file"),
        ],
        Dialect::Azure => &[
            ("AZURE_STORAGE_ACCOUNT_KEY", "account_key"),
            ("AZURE_STORAGE_SAS_TOKEN", "sas_key"),
            ("AZURE_STORAGE_TOKEN", "token"),
            ("AZURE_CLIENT_ID", "client_id"),
            ("AZURE_STORAGE_ACCOUNT_NAME", "account_name"),
            ("AZURE_CLIENT_SECRET", "client_secret"),
            ("AZURE_TENANT_ID", "tenant_id"),
            ("AZURE_FEDERATED_TOKEN_FILE", "federated_token_file"),
        ],
        Dialect::Google => &[
            ("GOOGLE_SERVICE_ACCOUNT", "service_account"),
            ("GOOGLE_SERVICE_ACCOUNT_KEY", "service_account_key"),
            ("GOOGLE_APPLICATION_CREDENTIALS", "application_credentials"),
        ],
        Dialect::Web => &[],
    }
}

/// How many of the variables of a vendor are credentials by themselves: they stand first.
fn decisive(dialect: Dialect) -> usize {
    if dialect == Dialect::Google { 3 } else { 4 }
}

fn take_from_environment(dialect: Dialect, options: &mut Options) -> Result<()> {
    let mut has_any = false;
    for (index, (variable, option)) in variables(dialect).iter().enumerate() {
        if let Ok(value) = std::env::var(variable)
            && !value.is_empty()
        {
            has_any |= index < decisive(dialect);
            options.set(option, value);
        }
    }
    if has_any {
        return Ok(());
    }
    let names: Vec<_> = variables(dialect)[..decisive(dialect)].iter().map(|(variable, _)| *variable).collect();
    Err(Error::argument(format!("credentials=env, and none of {} is set", names.join(", "))))
}

/// The endpoint that the options or the URL name, if they do.
pub(super) fn endpoint(place: &Place, options: &Options) -> Option<String> {
    let named = ["endpoint_url_s3", "endpoint", "base_url"].iter().find_map(|name| options.value(name));
    match place.dialect {
        Dialect::Web => Some(place.url.clone()),
        Dialect::Azure if options.value("use_emulator") == Some("true") => Some("http://127.0.0.1".to_string()),
        _ => named.map(str::to_string),
    }
}

/// The crate's own retries: none.
fn no_retries() -> RetryConfig {
    RetryConfig { max_retries: 0, retry_timeout: Duration::ZERO, ..RetryConfig::default() }
}

/// Makes the crate's client, with our HTTP below it.
pub(super) fn client(
    place: &Place,
    credentials: Credentials,
    options: &Options,
    connector: Connector,
) -> Result<Client> {
    let is_true = |name| options.value(name) == Some("true");
    let mut http = ClientOptions::new().with_allow_http(is_true("allow_http") || is_true("use_emulator"));
    if let Some(content_type) = options.value("default_content_type") {
        super::dialect::check_header(content_type, "content type")?;
        http = http.with_default_content_type(content_type);
    }
    let others = || options.others(&OF_REMOTE).filter(|(name, _)| *name != "http1_only");
    match place.dialect {
        Dialect::S3 => {
            let signs_payload = (credentials != Credentials::Anonymous && !is_true("unsigned_payload"))
                || options.value("checksum_algorithm").is_some();
            let store = others()
                .try_fold(
                    AmazonS3Builder::new(),
                    |builder, (name, value)| Ok(builder.with_config(name.parse()?, value)),
                )
                .map_err(wrong)?
                .with_url(&place.url)
                .with_skip_signature(credentials == Credentials::Anonymous)
                .with_disable_bulk_delete(true)
                .with_client_options(http)
                .with_retry(no_retries())
                .with_crypto_provider(Arc::new(Crypto))
                .with_http_connector(connector)
                .build();
            let store = Arc::new(store.map_err(wrong)?);
            Ok(of_objects(store, signs_payload))
        }
        Dialect::Azure => {
            let store = others()
                .try_fold(MicrosoftAzureBuilder::new(), |builder, (name, value)| {
                    Ok(builder.with_config(name.parse()?, value))
                })
                .map_err(wrong)?
                .with_url(&place.url)
                .with_skip_signature(credentials == Credentials::Anonymous)
                .with_client_options(http)
                .with_retry(no_retries())
                .with_crypto_provider(Arc::new(Crypto))
                .with_http_connector(connector)
                .build();
            let store = Arc::new(store.map_err(wrong)?);
            Ok(of_objects(store, false))
        }
        Dialect::Google => {
            let mut builder = others()
                .try_fold(GoogleCloudStorageBuilder::new(), |builder, (name, value)| {
                    Ok(builder.with_config(name.parse()?, value))
                })
                .map_err(wrong)?
                .with_url(&place.url)
                .with_skip_signature(credentials == Credentials::Anonymous)
                .with_client_options(http)
                .with_retry(no_retries())
                .with_crypto_provider(Arc::new(Crypto));
            if let Some(provider) = google::provider(credentials, &connector)? {
                builder = builder.with_credentials(provider);
            }
            let store = Arc::new(builder.with_http_connector(connector).build().map_err(wrong)?);
            Ok(of_objects(store, false))
        }
        Dialect::Web => {
            let builder = HttpBuilder::new().with_url(&place.url).with_client_options(http).with_retry(no_retries());
            let objects = Arc::new(builder.with_http_connector(connector).build().map_err(wrong)?);
            let path = Url::parse(&place.url).map_or_else(|_| String::new(), |url| url.path().to_string());
            let mut base_path: Vec<u8> = percent_encoding::percent_decode_str(path.trim_end_matches('/')).collect();
            base_path.push(b'/');
            Ok(Client { objects, parts: None, pages: None, signs_payload: false, base_path })
        }
    }
}

fn of_objects<S: ObjectStore + MultipartStore + PaginatedListStore>(store: Arc<S>, signs_payload: bool) -> Client {
    let (objects, parts, pages) = (store.clone(), Some(store.clone() as _), Some(store as _));
    Client { objects, parts, pages, signs_payload, base_path: Vec::new() }
}

/// What the crate finds wrong with the options.
pub(super) fn wrong(error: object_store::Error) -> Error {
    let error = match error {
        object_store::Error::Generic { source, .. } => source.to_string(),
        error => error.to_string(),
    };
    Error::new(Kind::Argument, format!("the options are wrong: {}", super::refusal::plain(&error)))
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn places_are_dialects_and_prefixes() {
        let place = |url| Place::parse(url).map(|place| (place.dialect, place.root));
        for (url, dialect, root) in [
            ("s3://bucket", Dialect::S3, ""),
            ("s3a://bucket/a/b", Dialect::S3, "a/b/"),
            ("https://s3.eu-west-1.amazonaws.com/bucket/a", Dialect::S3, "a/"),
            ("https://bucket.s3.eu-west-1.amazonaws.com/a/", Dialect::S3, "a/"),
            ("https://account.r2.cloudflarestorage.com/bucket/a", Dialect::S3, "a/"),
            ("az://container/a%20b", Dialect::Azure, "a b/"),
            ("abfss://container@account.dfs.core.windows.net/a", Dialect::Azure, "a/"),
            ("https://account.blob.core.windows.net/container/a", Dialect::Azure, "a/"),
            ("gs://bucket/a", Dialect::Google, "a/"),
            ("http://example.com/a/b", Dialect::Web, ""),
        ] {
            assert_eq!(place(url).unwrap(), (dialect, root.to_string()), "{url}");
        }
        for wrong in ["s3://", "s3:///a", "s3://user:secret@bucket", "s3://bucket?x=y", "gs://bucket#f", "http://"] {
            assert!(place(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_name_that_is_suggested_is_known() {
        for dialect in [Dialect::S3, Dialect::Azure, Dialect::Google] {
            for name in dialect.names() {
                assert!(dialect.canonical(name).is_some(), "{name}");
                assert!(dialect.canonical(&format!("{}{name}", dialect.option_prefix())).is_some(), "{name}");
            }
            for name in static_names(dialect).iter().chain(variables(dialect).iter().map(|(_, name)| name)) {
                assert_eq!(dialect.canonical(name).as_deref(), Some(*name));
            }
        }
    }
}
