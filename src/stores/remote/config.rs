//! What the options of a store over a network mean. All that is wrong with them is said before anything is made.

use super::super::http::{Connector, Trust, Wiring};
use super::super::options::{Options, bad};
use super::RemoteStore;
use super::dialect::Dialect;
use super::retry::Policy;
use super::vendor::{self, Credentials, Place};
use crate::error::{Error, Result};
use crate::service::Shared;
use reqwest::{NoProxy, Proxy};
use std::sync::Arc;
use std::time::Duration;

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

/// More parts of one put are never moved at once, whatever is asked for.
const MOST_IN_FLIGHT: u32 = 256;

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
        let credentials = Credentials::chosen(dialect, options)?;
        if dialect == Dialect::Web && place.url.starts_with("http://") {
            options.set("allow_http", "true".to_string());
        }
        let secrets = secrets(options);
        let policy = policy(options)?;
        let wiring = wiring(options, dialect)?;
        let trust = trust(options, &place, credentials)?;
        let connector = Connector::new(wiring, trust.config()?, service.io_threads());
        let hidden = |error: Error| Error { message: without(&secrets, error.message), ..error };
        let client = vendor::client(&place, credentials, options, connector).map_err(hidden)?;
        tell(options, &place);
        let root = place.root;
        let max_in_flight = max_in_flight.min(MOST_IN_FLIGHT);
        let service = service.clone();
        Ok(Arc::new(RemoteStore { dialect, client, root, policy, part_size, max_in_flight, secrets, service }))
    }
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
    })
}

fn user_agent(options: &mut Options) -> Result<String> {
    let agent = options.value("user_agent").unwrap_or(concat!("blobferry/", env!("CARGO_PKG_VERSION"))).to_string();
    super::dialect::check_header(&agent, "user agent")?;
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
    let is_proxy = url.starts_with("http://") || url.starts_with("https://");
    let proxy = Proxy::all(&url).ok().filter(|_| is_proxy);
    let proxy = proxy.ok_or_else(|| Error::argument("option `proxy_url` takes a URL, as http://proxy.example:3128"))?;
    options.tell("proxy_url", super::super::without_secrets(&url));
    Ok(vec![proxy.no_proxy(excludes.as_deref().and_then(NoProxy::from_string))])
}

fn trust(options: &mut Options, place: &Place, credentials: Credentials) -> Result<Trust> {
    let allows_http = options.truth("allow_http")?;
    let endpoint = vendor::endpoint(place, options);
    let is_plain = endpoint.as_deref().is_some_and(|endpoint| endpoint.starts_with("http://"));
    if is_plain && !allows_http {
        let message = "the endpoint is plain HTTP, which shows everything to everybody; set allow_http=true to use it";
        return Err(Error::argument(message));
    }
    let asks_elsewhere = matches!(credentials, Credentials::Env | Credentials::Instance);
    Ok(Trust {
        root_certificates: options.text("root_certificates"),
        proxy_ca_certificate: options.text("proxy_ca_certificate"),
        uses_system: !options.truth("disable_system_certificates")?,
        trusts_anybody: options.truth("allow_invalid_certificates")?,
        is_needed: !is_plain || asks_elsewhere,
    })
}

/// Tells the vendor's options, and those that the URL has set.
fn tell(options: &mut Options, place: &Place) {
    let others: Vec<_> =
        options.others(&OF_REMOTE).map(|(name, value)| (name.to_string(), value.to_string())).collect();
    for (name, value) in others {
        let shown = if is_secret(&name) { "(hidden)".to_string() } else { value };
        options.tell(&name, shown);
    }
    options.tell("prefix", &place.root);
}

/// Whether the value of an option must never be shown.
fn is_secret(name: &str) -> bool {
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

/// What must never be in a message.
fn secrets(options: &Options) -> Vec<String> {
    let mut secrets = Vec::new();
    for (name, value) in options.others(&[]) {
        if name == "proxy_url" {
            let user = value.split_once("://").and_then(|(_, rest)| rest.rsplit_once('@')).map(|(user, _)| user);
            secrets.extend(user.and_then(|user| user.split_once(':')).map(|(_, password)| password.to_string()));
        }
        if is_secret(name) {
            secrets.push(value.to_string());
            // Of a shared access signature, the signature by itself, too.
            let pairs = value.trim_start_matches('?').split('&').filter_map(|pair| pair.strip_prefix("sig="));
            secrets.extend(pairs.map(str::to_string));
        }
    }
    // What is shorter says nothing, and would be found in every other word.
    secrets.retain(|secret| secret.len() >= 6);
    secrets
}

pub(super) fn without(secrets: &[String], mut message: String) -> String {
    for secret in secrets {
        if message.contains(secret) {
            message = message.replace(secret, "(hidden)");
        }
    }
    message
}

/// The value of `credentials`, as a closed choice.
pub(super) fn choice(value: &str) -> Error {
    bad("credentials", value, "static, env, instance or anonymous")
}
