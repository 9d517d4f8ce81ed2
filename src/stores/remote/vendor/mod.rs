//! The vendors' own words: their URLs ([`place`]), their options ([`names`], [`values`]), where their credentials come
//! from ([`credentials`], [`fetched`]), and here the crate's client made of all that.

mod credentials;
mod fetched;
mod names;
mod place;
mod values;

pub(super) use credentials::{Choice, Credentials};
pub(crate) use place::Place;
pub(super) use values::{check, check_together, largest_part, written_url};

use super::config::OF_REMOTE;
use super::dialect::Dialect;
use super::google::{self, Document};
use crate::error::{Error, Kind, Result};
use crate::stores::can;
use crate::stores::http::{Connector, Crypto};
use crate::stores::options::Options;
use fetched::Fetched;
use object_store::aws::{AmazonS3Builder, AwsCredential};
use object_store::azure::{AzureCredential, MicrosoftAzureBuilder};
use object_store::gcp::{GcpCredential, GoogleCloudStorageBuilder};
use object_store::http::HttpBuilder;
use object_store::list::PaginatedListStore;
use object_store::multipart::MultipartStore;
use object_store::signer::Signer;
use object_store::{ClientOptions, ObjectStore, RetryConfig, StaticCredentialProvider};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// The crate's client of a store, by what it can do.
pub(super) struct Client {
    pub(super) objects: Arc<dyn ObjectStore>,
    pub(super) parts: Option<Arc<dyn MultipartStore>>,
    pub(super) pages: Option<Arc<dyn PaginatedListStore>>,
    /// It deletes many objects by one request.
    pub(super) bulk: Option<Arc<dyn ObjectStore>>,
    pub(super) signer: Option<Arc<dyn Signer>>,
    /// Of Azure: what the name of an object begins with where it is signed.
    pub(super) signed_root: Option<String>,
    /// Of S3: how a copy is made only where nothing is.
    pub(super) copy_if_not_exists: CopyIfNotExists,
    /// The digest of what is put is part of its signature.
    pub(super) signs_payload: bool,
    /// Of plain HTTP: the path that the store is at, with a `/` at its end.
    pub(super) base_path: Vec<u8>,
    /// The bits of [`can`] that its options take from it.
    pub(super) lacks: u64,
}

/// How a copy is made only where nothing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CopyIfNotExists {
    /// By the end of an upload in parts.
    Multipart,
    /// As the crate asks for it; this status says that something is there.
    Header(u16),
}

impl CopyIfNotExists {
    fn of(options: &Options) -> CopyIfNotExists {
        match options.value("copy_if_not_exists") {
            None | Some("multipart") => CopyIfNotExists::Multipart,
            Some(header) => {
                let status = header.strip_prefix("header-with-status:").and_then(|header| header.rsplit_once(':'));
                CopyIfNotExists::Header(status.and_then(|(_, status)| status.trim().parse().ok()).unwrap_or(412))
            }
        }
    }

    /// Whether an answer to a copy of this kind says that something is there.
    pub(super) fn says_exists(self, status: u16) -> bool {
        self == CopyIfNotExists::Header(status)
    }
}

/// What a client is made of.
pub(super) struct Plan<'a> {
    pub(super) place: &'a Place,
    pub(super) credentials: Choice,
    pub(super) document: Option<&'a Document>,
    pub(super) options: &'a Options,
    pub(super) connector: Connector,
}

/// The server, the account and the key of Azure's emulator.
const EMULATED_ENDPOINT: &str = "http://127.0.0.1:10000";
const EMULATED_ACCOUNT: &str = "devstoreaccount1";
const EMULATED_KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// Sets the options that are not given, and which the vendor has a value for.
pub(super) fn set_defaults(place: &Place, options: &mut Options) -> Result<()> {
    match place.dialect {
        Dialect::S3 => {
            options.set("region", "us-east-1".to_string());
            if options.value("conditional_put") != Some("disabled") {
                options.set("copy_if_not_exists", "multipart".to_string());
            }
        }
        Dialect::Azure if options.is_in_force("use_emulator") => {
            options.set("account_name", EMULATED_ACCOUNT.to_string());
            let account = options.value("account_name").unwrap_or_default();
            options.set("endpoint", format!("{EMULATED_ENDPOINT}/{account}"));
            options.set("allow_http", "true".to_string());
        }
        Dialect::Azure if options.value("account_name").is_none() => {
            let message = "option `account_name` is missing: the account is not in the URL either";
            return Err(Error::argument(message));
        }
        Dialect::Web if place.url.starts_with("http://") => options.set("allow_http", "true".to_string()),
        _ => {}
    }
    Ok(())
}

/// The endpoint that the options or the URL name, if they do.
pub(super) fn endpoint<'a>(place: &'a Place, options: &'a Options) -> Option<&'a str> {
    match place.dialect {
        Dialect::Web => Some(&place.url),
        Dialect::Google => options.value("base_url"),
        _ => options.value("endpoint"),
    }
}

/// The crate's own retries: none.
fn no_retries() -> RetryConfig {
    RetryConfig { max_retries: 0, retry_timeout: Duration::ZERO, ..RetryConfig::default() }
}

/// Makes the crate's client, with our HTTP below it.
pub(super) fn client(plan: &Plan<'_>) -> Result<Client> {
    match plan.place.dialect {
        Dialect::S3 => plan.amazon(),
        Dialect::Azure => plan.azure(),
        Dialect::Google => plan.google(),
        Dialect::Web => plan.web(),
    }
}

impl Plan<'_> {
    fn is_anonymous(&self) -> bool {
        self.credentials.from == Credentials::Anonymous
    }

    fn is_fetched(&self) -> bool {
        self.credentials.kind.is_some_and(|kind| kind.is_fetched())
    }

    fn http(&self) -> ClientOptions {
        let http = ClientOptions::new().with_allow_http(self.options.is_in_force("allow_http"));
        match self.options.value("default_content_type") {
            Some(content_type) => http.with_default_content_type(content_type),
            None => http,
        }
    }

    /// The vendor's options that the crate is given as they are.
    fn pairs<K: FromStr<Err = object_store::Error>>(&self) -> Result<Vec<(K, &str)>> {
        let is_ours = |name: &str| {
            matches!(name, "http1_only" | "skip_signature" | "use_emulator") || google::OF_DOCUMENTS.contains(&name)
        };
        let others = self.options.others(&OF_REMOTE).filter(|(name, _)| !is_ours(name));
        others.map(|(name, value)| Ok((name.parse().map_err(wrong)?, value))).collect()
    }

    fn amazon(&self) -> Result<Client> {
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&self.place.bucket)
            .with_skip_signature(self.is_anonymous())
            .with_client_options(self.http())
            .with_retry(no_retries())
            .with_crypto_provider(Arc::new(Crypto))
            .with_http_connector(self.connector.clone());
        for (key, value) in self.pairs()? {
            builder = builder.with_config(key, value);
        }
        // For deletes of one object.
        builder = builder.with_disable_bulk_delete(true);
        if self.is_anonymous() {
            let nobody = AwsCredential { key_id: String::new(), secret_key: String::new(), token: None };
            builder = builder.with_credentials(Arc::new(StaticCredentialProvider::new(nobody)));
        } else if self.is_fetched() {
            let store = builder.clone().build().map_err(wrong)?;
            builder = builder.with_credentials(Fetched::new(store.credentials()));
        }
        let signs_payload = (!self.is_anonymous() && !self.options.is_in_force("unsigned_payload"))
            || self.options.value("checksum_algorithm").is_some();
        let has_conditions = self.options.value("conditional_put") != Some("disabled");
        let has_copies = self.options.value("copy_if_not_exists").is_some();
        let lacks = self.lacks(has_conditions, can::PUT_CREATE | can::PUT_UPDATE)
            | self.lacks(has_copies, can::COPY_CREATE | can::RENAME_CREATE)
            | self.lacks(!self.is_anonymous(), can::SIGN);
        let bulk = match self.options.is_in_force("disable_bulk_delete") {
            true => None,
            false => {
                let bulk = builder.clone().with_disable_bulk_delete(false);
                let bulk = bulk.with_http_connector(self.connector.apart()).build().map_err(wrong)?;
                Some(Arc::new(bulk) as Arc<dyn ObjectStore>)
            }
        };
        let copy_if_not_exists = CopyIfNotExists::of(self.options);
        let store = Arc::new(builder.build().map_err(wrong)?);
        Ok(Client { signs_payload, lacks, bulk, copy_if_not_exists, ..of_objects(store) })
    }

    fn azure(&self) -> Result<Client> {
        let mut builder = MicrosoftAzureBuilder::new()
            .with_container_name(&self.place.bucket)
            .with_skip_signature(self.is_anonymous())
            .with_client_options(self.http())
            .with_retry(no_retries())
            .with_crypto_provider(Arc::new(Crypto))
            .with_http_connector(self.connector.clone());
        for (key, value) in self.pairs()? {
            builder = builder.with_config(key, value);
        }
        match self.credentials.kind {
            None => {
                let nobody = AzureCredential::BearerToken(String::new());
                builder = builder.with_credentials(Arc::new(StaticCredentialProvider::new(nobody)));
            }
            Some(kind) if kind.name == credentials::EMULATOR => {
                builder = builder.with_access_key(EMULATED_KEY).with_credential_type("access_key");
            }
            Some(kind) => builder = builder.with_credential_type(kind.name),
        }
        if self.is_fetched() {
            let store = builder.clone().build().map_err(wrong)?;
            builder = builder.with_credentials(Fetched::new(store.credentials()));
        }
        // Who shows a signature of somebody else's cannot make one; nor can a URL carry keys for the bytes.
        let signs = !self.is_anonymous()
            && self.credentials.kind.is_some_and(|kind| kind.name != "sas_token")
            && self.options.value("encryption_key").is_none();
        let store = Arc::new(builder.build().map_err(wrong)?);
        let bulk: Option<Arc<dyn ObjectStore>> = Some(store.clone());
        let account = self.options.value("account_name").unwrap_or_default();
        let signed_root = Some(format!("/blob/{account}/{}/", self.place.bucket));
        Ok(Client { lacks: self.lacks(signs, can::SIGN), bulk, signed_root, ..of_objects(store) })
    }

    fn google(&self) -> Result<Client> {
        let mut builder = GoogleCloudStorageBuilder::new()
            .with_bucket_name(&self.place.bucket)
            .with_skip_signature(self.is_anonymous())
            .with_client_options(self.http())
            .with_retry(no_retries())
            .with_crypto_provider(Arc::new(Crypto))
            .with_http_connector(self.connector.clone());
        for (key, value) in self.pairs()? {
            builder = builder.with_config(key, value);
        }
        if let Some(document) = self.document {
            builder = builder.with_config(document.option.parse().map_err(wrong)?, &document.value);
        }
        let is_application = self.document.is_some_and(|document| document.option == "application_credentials");
        if self.is_anonymous() {
            let nobody = GcpCredential { bearer: String::new() };
            builder = builder.with_credentials(Arc::new(StaticCredentialProvider::new(nobody)));
        } else if self.credentials.from == Credentials::Instance {
            builder = builder.with_credentials(Fetched::new(&google::of_machine(&self.connector)?));
        } else if is_application {
            let store = builder.clone().build().map_err(wrong)?;
            builder = builder.with_credentials(Fetched::new(store.credentials()));
        }
        if self.credentials.from == Credentials::Instance || is_application {
            let store = builder.clone().build().map_err(wrong)?;
            builder = builder.with_signing_credentials(Fetched::new(store.signing_credentials()));
        }
        // A token alone says nothing of whose it is, and a document of nobody has no key.
        let signs =
            self.credentials.from == Credentials::Instance || self.document.is_some_and(|document| !document.is_nobody);
        let store = Arc::new(builder.build().map_err(wrong)?);
        Ok(Client { lacks: self.lacks(signs, can::SIGN), ..of_objects(store) })
    }

    fn web(&self) -> Result<Client> {
        let url = &self.place.url;
        let builder = HttpBuilder::new().with_url(url).with_client_options(self.http()).with_retry(no_retries());
        let objects = Arc::new(builder.with_http_connector(self.connector.clone()).build().map_err(wrong)?);
        let path = Url::parse(url).map_or_else(|_| String::new(), |url| url.path().to_string());
        let mut base_path: Vec<u8> = percent_encoding::percent_decode_str(path.trim_end_matches('/')).collect();
        base_path.push(b'/');
        Ok(Client {
            objects,
            parts: None,
            pages: None,
            bulk: None,
            signer: None,
            signed_root: None,
            copy_if_not_exists: CopyIfNotExists::Multipart,
            signs_payload: false,
            base_path,
            lacks: 0,
        })
    }

    /// The bits that are taken away unless there is what they need.
    fn lacks(&self, has: bool, bits: u64) -> u64 {
        if has { 0 } else { bits }
    }
}

fn of_objects<S: ObjectStore + MultipartStore + PaginatedListStore + Signer>(store: Arc<S>) -> Client {
    Client {
        objects: store.clone(),
        parts: Some(store.clone()),
        pages: Some(store.clone()),
        bulk: None,
        signer: Some(store),
        signed_root: None,
        copy_if_not_exists: CopyIfNotExists::Header(0),
        signs_payload: false,
        base_path: Vec::new(),
        lacks: 0,
    }
}

/// What the crate finds wrong with the options.
pub(super) fn wrong(error: object_store::Error) -> Error {
    let error = match error {
        object_store::Error::Generic { source, .. } => source.to_string(),
        error => error.to_string(),
    };
    Error::new(Kind::Argument, format!("the options are wrong: {}", super::refusal::plain(&error)))
}
