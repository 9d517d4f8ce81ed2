//! URLs of stores over a network: which server, which bucket, what all keys begin with. They are taken apart here alone;
//! the crate is told what they say.

use super::super::config::OF_REMOTE;
use super::super::dialect::Dialect;
use crate::error::{Error, Result};
use crate::stores::key;
use crate::stores::options::Options;
use object_store::path::Path;
use url::Url;

/// Where a store is.
pub(crate) struct Place {
    pub(in crate::stores::remote) dialect: Dialect,
    /// Of plain HTTP: the URL, without a `/` at its end.
    pub(in crate::stores::remote) url: String,
    /// The bucket or container.
    pub(in crate::stores::remote) bucket: String,
    /// What all keys begin with; empty, or with a `/` at its end.
    pub(in crate::stores::remote) root: String,
    /// Options that the URL sets.
    says: Vec<(&'static str, String)>,
    /// The URL names the server, and not the bucket alone.
    names_server: bool,
}

impl Place {
    /// The place that a URL tells.
    pub(crate) fn parse(text: &str) -> Result<Place> {
        let url = parsed(text)?;
        let found = match url.scheme() {
            "s3" | "s3a" => Found::by_name(Dialect::S3, &url),
            "gs" => Found::by_name(Dialect::Google, &url),
            "adl" | "azure" => Found::by_name(Dialect::Azure, &url),
            "az" | "abfs" | "abfss" if url.username().is_empty() => Found::by_name(Dialect::Azure, &url),
            "az" | "abfs" | "abfss" => of_account(&url)?,
            "https" => of_vendor(&url)?.unwrap_or_else(|| Found::web(&url)),
            _ => Found::web(&url),
        };
        found.check(&url)?;
        let root = root(found.dialect, found.path)?;
        let url = if found.dialect == Dialect::Web { url.as_str().trim_end_matches('/') } else { "" };
        let Found { dialect, bucket, says, names_server, .. } = found;
        Ok(Place { dialect, url: url.to_string(), bucket, root, says, names_server })
    }

    /// The options that its stores take.
    pub(crate) fn options(&self, pairs: &[(String, String)]) -> Result<Options> {
        Options::new(self.dialect.name(), &OF_REMOTE, Some(&self.dialect), pairs)
    }

    /// Sets the options that the URL says, and refuses those that say something else.
    pub(in crate::stores::remote) fn set(&self, options: &mut Options) -> Result<()> {
        let contradiction = |name: &str, says: &str| {
            Err(Error::argument(format!("option `{name}` and the URL contradict each other: the URL says {says}")))
        };
        for (name, said) in &self.says {
            if options.value(name).is_some_and(|given| given != said) {
                return contradiction(name, &format!("`{said}`"));
            }
            options.set(name, said.clone());
        }
        let is_said = |name: &str| self.says.iter().any(|(said, _)| *said == name);
        match ["endpoint", "use_emulator"].into_iter().find(|name| options.is_in_force(name) && !is_said(name)) {
            Some(name) if self.names_server => contradiction(name, "which server it is"),
            _ => Ok(()),
        }
    }
}

fn malformed(why: impl std::fmt::Display) -> Error {
    Error::argument(format!("the URL is malformed: {why}"))
}

const A_USER: &str = "a user; credentials are options";

fn no_place_for(what: &str) -> Error {
    Error::argument(format!("the URL of a store has no place for {what}"))
}

/// The URL, with nothing in it that no store has a use for.
fn parsed(text: &str) -> Result<Url> {
    // What is wrong with it may be that a password is taken for a port.
    let of_user = |error| if text.contains('@') { no_place_for(A_USER) } else { malformed(error) };
    let url = Url::parse(text).map_err(of_user)?;
    let is_abfs = matches!(url.scheme(), "az" | "abfs" | "abfss");
    let superfluous = [
        (url.password().is_some() || (!url.username().is_empty() && !is_abfs), A_USER),
        (url.query().is_some(), "a query (`?…`; write `%3F` for a question mark)"),
        (url.fragment().is_some(), "a fragment (`#…`; write `%23` for a hash)"),
    ];
    if let Some((_, what)) = superfluous.iter().find(|(is_there, _)| *is_there) {
        return Err(no_place_for(what));
    }
    // A parser of http:// URLs takes the first name it finds for the host.
    let has_host = text.split_once("://").is_some_and(|(_, rest)| !rest.is_empty() && !rest.starts_with('/'));
    if !has_host || url.host_str().is_none_or(str::is_empty) {
        return Err(malformed(format!("a bucket, container or host is needed, as {}://name", url.scheme())));
    }
    Ok(url)
}

/// What the path of a URL makes of all keys.
fn root(dialect: Dialect, path: &str) -> Result<String> {
    let decoded = percent_encoding::percent_decode_str(path).decode_utf8().map_err(|_| malformed("it is no UTF-8"))?;
    if decoded.chars().any(char::is_control) {
        return Err(malformed("it has the escape of a control character"));
    }
    let path = Path::parse(decoded).map_err(malformed)?;
    let prefix = path.as_ref();
    if !prefix.is_empty() {
        key::check(prefix)?;
        dialect.check_key(prefix)?;
    }
    let is_within = dialect != Dialect::Web && !prefix.is_empty();
    Ok(if is_within { format!("{prefix}/") } else { String::new() })
}

/// The parts of a URL.
struct Found<'a> {
    dialect: Dialect,
    bucket: String,
    /// What follows the bucket, as it is written.
    path: &'a str,
    says: Vec<(&'static str, String)>,
    names_server: bool,
}

impl<'a> Found<'a> {
    /// `SCHEME://BUCKET/PATH`
    fn by_name(dialect: Dialect, url: &'a Url) -> Found<'a> {
        let bucket = url.host_str().unwrap_or_default().to_string();
        Found { dialect, bucket, path: url.path(), says: Vec::new(), names_server: false }
    }

    fn web(url: &'a Url) -> Found<'a> {
        Found { dialect: Dialect::Web, bucket: String::new(), path: url.path(), says: Vec::new(), names_server: true }
    }

    /// `https://SERVER/BUCKET/PATH`
    fn at_server(dialect: Dialect, url: &'a Url, says: Vec<(&'static str, String)>) -> Found<'a> {
        let path = url.path().strip_prefix('/').unwrap_or_default();
        let (bucket, path) = path.split_once('/').unwrap_or((path, ""));
        Found { dialect, bucket: bucket.to_string(), path, says, names_server: true }
    }

    fn check(&self, url: &Url) -> Result<()> {
        if self.dialect == Dialect::Web {
            return Ok(());
        }
        if url.port().is_some() {
            let option = if self.dialect == Dialect::Google { "base_url" } else { "endpoint" };
            let message = format!("the URL of such a store has no place for a port; the option `{option}` has");
            return Err(Error::argument(message));
        }
        if self.bucket.is_empty() {
            return Err(malformed("it names no bucket or container"));
        }
        let is_fabric = self.says.iter().any(|(name, said)| *name == "use_fabric_endpoint" && said == "true");
        let others = match self.dialect {
            Dialect::Azure if is_fabric => "-_.",
            Dialect::Azure => "-_$",
            _ => "-_.",
        };
        if !self.bucket.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c)) {
            return Err(malformed(format!("a bucket or container is named with letters, digits and `{others}`")));
        }
        Ok(())
    }
}

/// Of the vendors, the one whose server a https:// URL names, if it does.
fn of_vendor(url: &Url) -> Result<Option<Found<'_>>> {
    let host = url.host_str().unwrap_or_default();
    let below = |domain: &str| if host == domain { Some("") } else { host.strip_suffix(domain)?.strip_suffix('.') };
    if let Some(rest) = below("amazonaws.com") {
        return of_amazon(url, rest).map(Some);
    }
    if let Some(rest) = below("r2.cloudflarestorage.com") {
        return of_cloudflare(url, rest).map(Some);
    }
    let is_azure = ["dfs.core.windows.net", "blob.core.windows.net", "dfs.fabric.microsoft.com"]
        .into_iter()
        .chain(["blob.fabric.microsoft.com"])
        .any(|domain| below(domain).is_some());
    if is_azure {
        return Ok(Some(Found::at_server(Dialect::Azure, url, says_of_account(host).ok_or_else(no_azure)?)));
    }
    Ok(None)
}

/// The bucket is the first label of the host, or the first segment of the path.
fn of_amazon<'a>(url: &'a Url, rest: &str) -> Result<Found<'a>> {
    let labels: Vec<&str> = rest.split('.').collect();
    let (bucket, is_dual, region) = match labels[..] {
        ["s3", "dualstack", region] => (None, true, Some(region)),
        ["s3", region] if region != "dualstack" => (None, false, Some(region)),
        [bucket, "s3", "dualstack", region] => (Some(bucket), true, Some(region)),
        [bucket, "s3", region] if region != "dualstack" => (Some(bucket), false, Some(region)),
        [bucket, "s3"] => (Some(bucket), false, None),
        _ => {
            let forms = "https://BUCKET.s3.REGION.amazonaws.com and https://s3.REGION.amazonaws.com/BUCKET";
            return Err(malformed(format!("{forms} are known; otherwise write s3://BUCKET, and set the endpoint")));
        }
    };
    let mut says = vec![("virtual_hosted_style_request", bucket.is_some().to_string())];
    says.extend(region.map(|region| ("region", region.to_string())));
    if is_dual {
        says.push(("endpoint", format!("https://{}", url.host_str().unwrap_or_default())));
    }
    Ok(match bucket {
        Some(bucket) => {
            Found { dialect: Dialect::S3, bucket: bucket.to_string(), path: url.path(), says, names_server: true }
        }
        None => Found::at_server(Dialect::S3, url, says),
    })
}

fn of_cloudflare<'a>(url: &'a Url, rest: &str) -> Result<Found<'a>> {
    let labels: Vec<&str> = rest.split('.').collect();
    if !matches!(labels[..], [account] | [account, "eu" | "fedramp"] if !account.is_empty()) {
        return Err(malformed("https://ACCOUNT.r2.cloudflarestorage.com/BUCKET is known"));
    }
    let says = vec![
        ("virtual_hosted_style_request", "false".to_string()),
        ("region", "auto".to_string()),
        ("endpoint", format!("https://{}", url.host_str().unwrap_or_default())),
    ];
    Ok(Found::at_server(Dialect::S3, url, says))
}

/// `abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/PATH`
fn of_account(url: &Url) -> Result<Found<'_>> {
    let host = url.host_str().unwrap_or_default().to_ascii_lowercase();
    // The container is no secret: whoever has a password there was refused before.
    let Some(says) = says_of_account(&host) else { return Err(malformed(format!("{}; it is `{url}`", no_azure()))) };
    let bucket = url.username().to_string();
    Ok(Found { dialect: Dialect::Azure, bucket, path: url.path(), says, names_server: true })
}

fn no_azure() -> Error {
    Error::argument("the server of a URL of Azure is ACCOUNT.dfs.core.windows.net, or ACCOUNT.dfs.fabric.microsoft.com")
}

/// What a server's name says of the account, if it is one of Azure's.
fn says_of_account(host: &str) -> Option<Vec<(&'static str, String)>> {
    let labels: Vec<&str> = host.split('.').collect();
    let (account, is_fabric) = match labels[..] {
        [account, "dfs" | "blob", "core", "windows", "net"] => (account.to_string(), false),
        [account, "dfs" | "blob", "fabric", "microsoft", "com"] => (account.to_string(), true),
        // A private link of one workspace.
        [workspace, zone, "dfs" | "blob" | "onelake", "fabric", "microsoft", "com"]
            if zone.starts_with('z') && !workspace.is_empty() =>
        {
            let endpoint = ("endpoint", format!("https://{host}"));
            return Some(vec![("account_name", format!("{workspace}.{zone}")), endpoint]);
        }
        _ => return None,
    };
    let is_named_well = !account.is_empty();
    is_named_well.then(|| vec![("account_name", account), ("use_fabric_endpoint", is_fabric.to_string())])
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::*;

    #[test]
    fn places_are_dialects_buckets_and_prefixes() {
        let place = |url| Place::parse(url).map(|place| (place.dialect, place.bucket, place.root));
        for (url, dialect, bucket, root) in [
            ("s3://bucket", Dialect::S3, "bucket", ""),
            ("s3a://bucket/a/b", Dialect::S3, "bucket", "a/b/"),
            ("https://s3.eu-west-1.amazonaws.com/bucket/a", Dialect::S3, "bucket", "a/"),
            ("https://s3.dualstack.eu-west-1.amazonaws.com/bucket/a", Dialect::S3, "bucket", "a/"),
            ("https://bucket.s3.eu-west-1.amazonaws.com/a/", Dialect::S3, "bucket", "a/"),
            ("https://bucket.s3.amazonaws.com/a/b", Dialect::S3, "bucket", "a/b/"),
            ("https://s3-foo.s3.eu-west-1.amazonaws.com/a/b", Dialect::S3, "s3-foo", "a/b/"),
            ("https://s3foo.s3.dualstack.eu-west-1.amazonaws.com/a/b", Dialect::S3, "s3foo", "a/b/"),
            ("https://account.r2.cloudflarestorage.com/bucket/a", Dialect::S3, "bucket", "a/"),
            ("az://container/a%20b", Dialect::Azure, "container", "a b/"),
            ("abfss://container@account.dfs.core.windows.net/a", Dialect::Azure, "container", "a/"),
            ("https://account.blob.core.windows.net/container/a", Dialect::Azure, "container", "a/"),
            ("https://onelake.dfs.fabric.microsoft.com/a.space/b", Dialect::Azure, "a.space", "b/"),
            ("gs://bucket/a", Dialect::Google, "bucket", "a/"),
            ("http://example.com:8080/a/b", Dialect::Web, "", ""),
            ("https://myamazonaws.com/a", Dialect::Web, "", ""),
        ] {
            assert_eq!(place(url).unwrap(), (dialect, bucket.to_string(), root.to_string()), "{url}");
        }
    }

    #[test]
    fn what_would_open_another_place_is_refused() {
        for wrong in [
            "s3://",
            "s3:///a",
            "http:///a",
            "s3://user:secret@bucket",
            "s3://user:sec/ret@bucket",
            "s3://bucket?x=y",
            "gs://bucket#f",
            "http://",
            "s3://localhost:9000/bucket",
            "gs://b:1/x",
            "az://b:1/x",
            "https://acct.blob.core.windows.net:8443/c",
            "https://s3.eu-west-1.amazonaws.com/",
            "https://acct.r2.cloudflarestorage.com",
            "https://bucket.acct.r2.cloudflarestorage.com/a",
            "https://s3.amazonaws.com/bucket",
            "https://s3-eu-west-1.amazonaws.com/bucket",
            "https://a.b.s3.eu-west-1.amazonaws.com/c",
            "abfss://container@.dfs.core.windows.net/a",
            "az://a.b/c",
            "s3://b%20c",
        ] {
            assert!(Place::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn options_that_contradict_the_url_are_refused() {
        let set = |url: &str, name: &str, value: &str| {
            let place = Place::parse(url)?;
            let mut options = place.options(&[(name.to_string(), value.to_string())])?;
            place.set(&mut options).map(|()| options.value("region").unwrap_or_default().to_string())
        };
        let url = "https://bucket.s3.eu-west-1.amazonaws.com/a";
        assert_eq!(set(url, "max_retries", "1").unwrap(), "eu-west-1");
        assert_eq!(set(url, "aws_region", "eu-west-1").unwrap(), "eu-west-1");
        for (name, value) in
            [("region", "us-west-2"), ("endpoint", "https://x"), ("virtual_hosted_style_request", "false")]
        {
            assert!(set(url, name, value).unwrap_err().message.contains(name), "{name}");
        }
        let url = "abfss://container@account.dfs.core.windows.net/a";
        for (name, value) in [("account_name", "another"), ("use_emulator", "true"), ("use_fabric_endpoint", "true")] {
            assert!(set(url, name, value).unwrap_err().message.contains(name), "{name}");
        }
        assert!(set("az://container", "account_name", "account").is_ok());
    }
}
