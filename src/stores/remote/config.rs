//! What the options of a store over a network mean. All that is wrong with them is said before anything is made.

use super::super::http::{Connector, Trust, Wiring};
use super::super::options::{Options, bad};
use super::RemoteStore;
use super::dialect::{Dialect, check_header};
use super::google::{self, Document};
use super::retry::Policy;
use super::vendor::{self, Choice, Place, Plan};
use crate::error::{Error, Result};
use crate::service::Shared;
use base64::prelude::{BASE64_STANDARD, Engine};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use reqwest::{NoProxy, Proxy};
use std::sync::Arc;
use std::time::Duration;
use url::{Position, Url};

/// The options that all stores over a network have, besides their vendor's.
pub(crate) const OF_REMOTE: [&str; 21] = [
    "credentials",
    "connect_timeout",
    "stall_timeout",
    "timeout",
    "max_retries",
    "retry_timeout",
    "initial_backoff",
    "max_backoff",
    "max_connections",
    "pool_idle_timeout",
    "pool_max_idle_per_host",
    "allow_http",
    "allow_invalid_certificates",
    "root_certificates",
    "disable_system_certificates",
    "proxy_url",
    "proxy_excludes",
    "proxy_ca_certificate",
    "system_proxy",
    "user_agent",
    "default_content_type",
];

/// What is told of a secret.
const HIDDEN: &str = "(hidden)";

impl RemoteStore {
    /// Opens a store at a place. The options in force can be told again afterwards.
    pub(crate) fn open_at(
        service: &Arc<Shared>,
        place: Place,
        options: &mut Options,
        part_size: u64,
        max_in_flight: u32,
    ) -> Result<Arc<RemoteStore>> {
        let dialect = place.dialect;
        vendor::check(options)?;
        place.set(options)?;
        let credentials = Choice::of(dialect, options)?;
        vendor::check_together(options)?;
        let document = if dialect == Dialect::Google { document(options)? } else { None };
        vendor::set_defaults(&place, options)?;
        check_part_size(dialect, part_size)?;
        let secrets = secrets(options, document.as_ref());
        let policy = policy(options)?;
        let wiring = wiring(options, dialect)?;
        check_content_type(options)?;
        let trust = trust(options, &place, credentials)?;
        let connector = Connector::new(wiring, trust.config()?, service.io_threads());
        let hidden = |error: Error| Error { message: without(&secrets, error.message), ..error };
        let plan = Plan { place: &place, credentials, document: document.as_ref(), options, connector };
        let client = vendor::client(&plan).map_err(hidden)?;
        tell(options, &place);
        let root = place.root;
        let service = service.clone();
        Ok(Arc::new(RemoteStore { dialect, client, root, policy, part_size, max_in_flight, secrets, service }))
    }
}

/// A document of credentials, which may name another place of the service.
fn document(options: &mut Options) -> Result<Option<Document>> {
    let document = google::document(options)?;
    if let Some(url) = document.as_ref().and_then(|document| document.base_url.as_ref()) {
        options.set("base_url", url.clone());
        vendor::check(options)?;
    }
    Ok(document)
}

fn check_part_size(dialect: Dialect, part_size: u64) -> Result<()> {
    let most = vendor::largest_part(dialect);
    if part_size <= most {
        return Ok(());
    }
    Err(bad(
        "part_size",
        &part_size.to_string(),
        &format!("{} MiB at most: the server takes no larger part", most >> 20),
    ))
}

fn check_content_type(options: &mut Options) -> Result<()> {
    let given = options.text("default_content_type");
    given.map_or(Ok(()), |given| check_header(&given, "content type (option `default_content_type`)"))
}

fn policy(options: &mut Options) -> Result<Policy> {
    Ok(Policy {
        max_retries: options.count("max_retries", 0, 10)?,
        retry_timeout: options.duration("retry_timeout", Duration::from_secs(180))?,
        initial_backoff: options.duration("initial_backoff", Duration::from_millis(100))?,
        max_backoff: options.duration("max_backoff", Duration::from_secs(15))?,
    })
}

fn wiring(options: &mut Options, dialect: Dialect) -> Result<Wiring> {
    Ok(Wiring {
        connect_timeout: options.duration("connect_timeout", Duration::from_secs(5))?,
        stall_timeout: options.duration("stall_timeout", Duration::from_secs(30))?,
        timeout: options.duration_if_given("timeout")?,
        max_connections: options.count("max_connections", 1, 256)? as usize,
        pool_idle_timeout: options.duration("pool_idle_timeout", Duration::from_secs(90))?,
        pool_max_idle_per_host: options.count("pool_max_idle_per_host", 0, 64)? as usize,
        user_agent: user_agent(options)?,
        proxies: proxies(options)?,
        uses_system_proxy: options.truth("system_proxy")?,
        follows_redirects: dialect == Dialect::Web,
        takes_packed: dialect == Dialect::Google,
    })
}

fn user_agent(options: &mut Options) -> Result<String> {
    let agent = options.value("user_agent").unwrap_or(concat!("blobferry/", env!("CARGO_PKG_VERSION"))).to_string();
    check_header(&agent, "user agent")?;
    options.tell("user_agent", &agent);
    Ok(agent)
}

fn proxies(options: &mut Options) -> Result<Vec<Proxy>> {
    let Some(url) = options.value("proxy_url").map(str::to_string) else {
        for needless in ["proxy_excludes", "proxy_ca_certificate"] {
            if options.value(needless).is_some() {
                return Err(Error::argument(format!("option `{needless}` is given, and no proxy_url")));
            }
        }
        return Ok(Vec::new());
    };
    let excludes = options.text("proxy_excludes");
    let is_proxy = |url: &Url| url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let place = vendor::written_url(&url).filter(is_proxy);
    let (Some(place), Ok(proxy)) = (place, Proxy::all(&url)) else {
        return Err(Error::argument("option `proxy_url` takes a URL, as http://proxy.example:3128"));
    };
    options.tell(
        "proxy_url",
        place[..Position::BeforeUsername].to_string() + &place[Position::BeforeHost..Position::AfterPort],
    );
    Ok(vec![proxy.no_proxy(excludes.as_deref().and_then(NoProxy::from_string))])
}

fn trust(options: &mut Options, place: &Place, credentials: Choice) -> Result<Trust> {
    let allows_http = options.truth("allow_http")?;
    let is_plain = vendor::endpoint(place, options).is_some_and(|endpoint| endpoint.starts_with("http://"));
    if is_plain && !allows_http {
        let message = "the endpoint is plain HTTP, which shows everything to everybody; set allow_http=true to use it";
        return Err(Error::argument(message));
    }
    let is_tls = |name: &&str| options.value(name).is_some_and(|url| url.starts_with("https://"));
    let asks_with_tls = credentials.kind.is_some_and(|kind| kind.asks_with_tls())
        || ["metadata_endpoint", "msi_endpoint", "container_credentials_full_uri"].iter().any(is_tls);
    Ok(Trust {
        root_certificates: certificates(options, "root_certificates"),
        proxy_ca_certificate: certificates(options, "proxy_ca_certificate"),
        uses_system: !options.truth("disable_system_certificates")?,
        trusts_anybody: options.truth("allow_invalid_certificates")?,
        is_needed: !is_plain || asks_with_tls,
        is_possible: place.dialect == Dialect::Web,
    })
}

/// A PEM file, or its text: which may have a key in it, too.
fn certificates(options: &mut Options, name: &str) -> Option<String> {
    let given = options.value(name)?.to_string();
    options.tell(name, if given.contains("PRIVATE KEY") { HIDDEN } else { &given });
    Some(given)
}

/// Tells the vendor's options, and those that the URL has set.
fn tell(options: &mut Options, place: &Place) {
    let others: Vec<_> =
        options.others(&OF_REMOTE).map(|(name, value)| (name.to_string(), value.to_string())).collect();
    for (name, value) in others {
        let shown = if is_secret(&name) { HIDDEN.to_string() } else { value };
        options.tell(&name, shown);
    }
    options.tell("prefix", &place.root);
}

/// Whether the value of an option must never be shown.
pub(super) fn is_secret(name: &str) -> bool {
    const WORDS: [&str; 8] = [
        "secret",
        "access_key",
        "account_key",
        "token",
        "sas_",
        "service_account_key",
        "customer_key",
        "encryption_key",
    ];
    let is_place = name.ends_with("_file") || name.ends_with("_url");
    WORDS.iter().any(|word| name.contains(word)) && !is_place
}

/// What must never be in a message: the longest first, as it may have another in it.
fn secrets(options: &Options, document: Option<&Document>) -> Vec<String> {
    let mut secrets = document.map_or(Vec::new(), |document| document.secrets.clone());
    for (name, value) in options.others(&[]) {
        if name == "proxy_url" {
            let user = value.split_once("://").and_then(|(_, rest)| rest.rsplit_once('@')).map(|(user, _)| user);
            let password = user.and_then(|user| user.split_once(':')).map(|(_, password)| password);
            secrets.extend(password.into_iter().flat_map(in_all_forms));
            // As the proxy is shown them.
            secrets.extend(user.map(|user| BASE64_STANDARD.encode(percent_decode_str(user).collect::<Vec<_>>())));
        }
        if is_secret(name) {
            secrets.push(value.to_string());
            // Of a shared access signature, the signature by itself, too.
            let pairs = value.trim_start_matches('?').split('&').filter_map(|pair| pair.strip_prefix("sig="));
            secrets.extend(pairs.flat_map(in_all_forms));
        }
    }
    // What is shorter says nothing, and would be found in every other word.
    secrets.retain(|secret| secret.len() >= 6);
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets.dedup();
    secrets
}

/// A part of a URL as it is, without its escapes, and with as many as there may be.
fn in_all_forms(value: &str) -> Vec<String> {
    let decoded = percent_decode_str(value).decode_utf8_lossy().into_owned();
    let encoded = utf8_percent_encode(&decoded, NON_ALPHANUMERIC).to_string();
    vec![value.to_string(), encoded, decoded]
}

pub(super) fn without(secrets: &[String], mut message: String) -> String {
    for secret in secrets {
        if message.contains(secret) {
            message = message.replace(secret, HIDDEN);
        }
    }
    message
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::*;

    fn secrets_of(dialect: Dialect, name: &str, value: &str) -> Vec<String> {
        let pairs = [(name.to_string(), value.to_string())];
        secrets(&Options::new("test", &OF_REMOTE, Some(&dialect), &pairs).unwrap(), None)
    }

    #[test]
    fn a_signature_is_secret_in_all_forms() {
        for written in ["sv=1&sig=abc%2Fdef%3D&se=2", "?sig=abc/def="] {
            let secrets = secrets_of(Dialect::Azure, "sas_key", written);
            let told = without(&secrets, format!("{written} abc/def= abc%2Fdef%3D"));
            assert_eq!(told, "(hidden) (hidden) (hidden)", "{written}");
        }
    }

    #[test]
    fn what_a_proxy_is_shown_is_hidden_with_its_padding() {
        for (user, encoded) in
            [("me:pass-1", "bWU6cGFzcy0x"), ("me:pass-12", "bWU6cGFzcy0xMg=="), ("me:pass-123", "bWU6cGFzcy0xMjM=")]
        {
            let secrets = secrets_of(Dialect::Web, "proxy_url", &format!("http://{user}@proxy:3128"));
            assert_eq!(without(&secrets, format!("Basic {encoded}")), "Basic (hidden)", "{user}");
        }
    }

    #[test]
    fn passwords_of_proxies_and_long_secrets_are_hidden() {
        let secrets = secrets_of(Dialect::Web, "proxy_url", "http://me:pass%2Fword@proxy:3128");
        let told = without(&secrets, "pass/word or pass%2Fword or Basic bWU6cGFzcy93b3Jk".to_string());
        assert_eq!(told, "(hidden) or (hidden) or Basic (hidden)");
        let secrets = secrets_of(Dialect::S3, "token", "a-token-of-some-length");
        assert_eq!(without(&secrets, "a-token-of-some-length".to_string()), "(hidden)");
        assert!(secrets_of(Dialect::S3, "token", "short").is_empty());
    }
}
