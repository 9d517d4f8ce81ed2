//! What the vendors' options take, and which of them need or exclude one another. The crate believes what it is told:
//! what is wrong with it is said here, before it does.

use super::super::config::OF_REMOTE;
use super::super::dialect::{Dialect, check_header};
use crate::error::{Error, Result};
use crate::stores::options::Options;
use url::Url;

/// What an option takes.
enum Form {
    /// A URL that paths are put behind.
    Base,
    /// A URL that is asked as it is.
    Url,
    Truth,
    Choice(&'static [&'static str]),
    /// A part of a URL: its host or its path.
    Word,
    Path,
    /// The name of a file.
    File,
    Base64,
    /// How S3 copies only where nothing is.
    Copies,
    /// A text of any form.
    Document,
    /// What a header carries.
    Text,
}

fn form(name: &str) -> Form {
    match name {
        "endpoint" | "base_url" | "metadata_endpoint" | "authority_host" => Form::Base,
        "container_credentials_full_uri" | "endpoint_url_sts" | "msi_endpoint" => Form::Url,
        "imdsv1_fallback" | "virtual_hosted_style_request" | "unsigned_payload" | "sse_bucket_key_enabled" => {
            Form::Truth
        }
        "skip_signature" | "use_emulator" | "use_fabric_endpoint" | "disable_bulk_delete" => Form::Truth,
        "copy_if_not_exists" => Form::Copies,
        "request_payer" => Form::Choice(&["true", "false", "requester"]),
        "conditional_put" => Form::Choice(&["etag", "disabled"]),
        "server_side_encryption" => Form::Choice(&["AES256", "aws:kms", "aws:kms:dsse", "sse-c"]),
        "region" | "account_name" | "tenant_id" => Form::Word,
        "container_credentials_relative_uri" => Form::Path,
        "service_account" | "application_credentials" => Form::File,
        "service_account_key" => Form::Document,
        "account_key" | "encryption_key" | "sse_customer_key_base64" => Form::Base64,
        _ if name.ends_with("_file") => Form::File,
        _ => Form::Text,
    }
}

/// Refuses values that the vendors' options do not take, and writes the others in one way.
pub(in crate::stores::remote) fn check(options: &mut Options) -> Result<()> {
    let others: Vec<_> =
        options.others(&OF_REMOTE).map(|(name, value)| (name.to_string(), value.to_string())).collect();
    for (name, value) in others {
        let value = value_of(&format!("option `{name}`"), &name, &value)?;
        options.put(&name, value);
    }
    Ok(())
}

/// The value of an option in the one way that it is handed on. What is wrong with it is said without it: it may be a
/// secret in the wrong place. `label` is where it comes from.
pub(super) fn value_of(label: &str, name: &str, value: &str) -> Result<String> {
    let takes = |what: &str| Err(Error::argument(format!("{label} takes {what}")));
    let is_plain = !value.is_empty() && check_header(value, "value").is_ok();
    match form(name) {
        Form::Base => Ok(url_of(label, value)?.as_str().trim_end_matches('/').to_string()),
        Form::Url => {
            let url = url_of(label, value)?;
            let text = if url.path() == "/" { url.as_str().trim_end_matches('/') } else { url.as_str() };
            Ok(text.to_string())
        }
        Form::Truth if !matches!(value, "true" | "false") => takes("`true` or `false`"),
        Form::Choice(known) if !known.contains(&value) => takes(&known.join(", ")),
        Form::Word if !is_word(value) => takes("letters, digits, `-`, `_` and `.`"),
        Form::Path if !value.starts_with('/') || !is_path(value) => takes("the path of a URL, as /credentials"),
        Form::File if value.trim_start().starts_with('{') => takes("the name of a file, and not its text"),
        Form::File if value.is_empty() || value.contains('\0') => takes("the name of a file"),
        Form::Base64 if !is_base64(value) => takes("base64"),
        Form::Copies => copies(value).ok_or_else(|| {
            let forms = "`multipart`, `header: NAME: VALUE` or `header-with-status: NAME: VALUE: STATUS`";
            Error::argument(format!("{label} takes {forms}"))
        }),
        Form::Text if !is_plain => takes("printable ASCII, not empty, without blanks at its ends"),
        _ if name == "checksum_algorithm" => Ok(value.to_ascii_lowercase()),
        _ => Ok(value.to_string()),
    }
}

/// A URL to ask: of http or https, with a host, and with nothing that may be a secret.
fn url_of(label: &str, value: &str) -> Result<Url> {
    let why = "takes a URL, as https://host.example:9000, without a user, a query or a fragment";
    let wrong = || Error::argument(format!("{label} {why}"));
    let url = written_url(value).ok_or_else(wrong)?;
    let has_user = !url.username().is_empty() || url.password().is_some();
    if has_user || url.query().is_some() || url.fragment().is_some() {
        return Err(wrong());
    }
    Ok(url)
}

/// The URL of http or https that this is, where no parser would have to mend it.
pub(in crate::stores::remote) fn written_url(value: &str) -> Option<Url> {
    let (_, rest) = value.split_once("://")?;
    let is_clean = !value.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\');
    let has_host = !rest.is_empty() && !rest.starts_with('/');
    let url = Url::parse(value).ok().filter(|_| is_clean && has_host)?;
    let is_web = matches!(url.scheme(), "http" | "https") && url.host_str().is_some_and(|host| !host.is_empty());
    (is_web && url.as_str().parse::<http::Uri>().is_ok()).then_some(url)
}

/// The value of copy_if_not_exists without blanks, if it is one.
fn copies(value: &str) -> Option<String> {
    let parts: Vec<&str> = value.split(':').map(str::trim).collect();
    let is_header = |name: &str, value: &str| {
        name.parse::<http::HeaderName>().is_ok() && !value.is_empty() && check_header(value, "value").is_ok()
    };
    let is_good = match parts[..] {
        ["multipart"] => true,
        ["header", name, value] => is_header(name, value),
        ["header-with-status", name, value, status] => {
            let is_refusal = status.parse().is_ok_and(|status: u16| (400..500).contains(&status));
            is_header(name, value) && is_refusal
        }
        _ => false,
    };
    is_good.then(|| parts.join(":"))
}

fn is_word(value: &str) -> bool {
    !value.is_empty() && value.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

fn is_path(value: &str) -> bool {
    value.chars().all(|c| c.is_ascii_graphic() && !"\"#<>\\^`{|}".contains(c))
}

fn is_base64(value: &str) -> bool {
    let digits = value.trim_end_matches('=');
    let is_digit = |c: char| c.is_ascii_alphanumeric() || "+/".contains(c);
    !digits.is_empty()
        && value.len().is_multiple_of(4)
        && value.len() - digits.len() < 3
        && digits.chars().all(is_digit)
}

/// An option that is of use only beside another, of which it takes these values.
const NEEDS: [(&str, &str, &[&str]); 3] = [
    ("sse_kms_key_id", "server_side_encryption", &["aws:kms", "aws:kms:dsse"]),
    ("sse_bucket_key_enabled", "server_side_encryption", &["aws:kms", "aws:kms:dsse"]),
    ("sse_customer_key_base64", "server_side_encryption", &["sse-c"]),
];

/// Options of which one alone has a meaning.
const EXCLUDE: [(&str, &str); 6] = [
    ("use_emulator", "endpoint"),
    ("use_emulator", "use_fabric_endpoint"),
    ("endpoint", "use_fabric_endpoint"),
    ("client_id", "object_id"),
    ("client_id", "msi_resource_id"),
    ("object_id", "msi_resource_id"),
];

/// Refuses options that do nothing beside the others, or take their effect away.
pub(in crate::stores::remote) fn check_together(options: &Options) -> Result<()> {
    for (name, other, values) in NEEDS {
        if options.is_in_force(name) && !options.value(other).is_some_and(|value| values.contains(&value)) {
            let message = format!("option `{name}` does nothing without {other}={}", values.join(" or "));
            return Err(Error::argument(message));
        }
    }
    for (one, other) in EXCLUDE {
        if options.is_in_force(one) && options.is_in_force(other) {
            return Err(exclusive(one, other));
        }
    }
    if options.value("server_side_encryption") == Some("sse-c") && options.value("sse_customer_key_base64").is_none() {
        return Err(Error::argument("option `server_side_encryption` is sse-c, which needs sse_customer_key_base64"));
    }
    for name in ["endpoint_url_sts", "authority_host"] {
        let allows_http = name != "endpoint_url_sts" && options.value("allow_http") == Some("true");
        if options.value(name).is_some_and(|url| url.starts_with("http://")) && !allows_http {
            let allow = if name == "endpoint_url_sts" { "" } else { ", or allow_http=true" };
            return Err(Error::argument(format!("option `{name}` is given secrets: it takes https://{allow}")));
        }
    }
    Ok(())
}

pub(super) fn exclusive(one: &str, other: &str) -> Error {
    Error::argument(format!("options `{one}` and `{other}` contradict each other"))
}

/// Bytes of the largest part that a vendor takes.
pub(in crate::stores::remote) fn largest_part(dialect: Dialect) -> u64 {
    match dialect {
        Dialect::S3 | Dialect::Google => 5 << 30,
        Dialect::Azure => 4000 << 20,
        Dialect::Web => u64::MAX,
    }
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_in_one_way() {
        for (name, given, written) in [
            ("endpoint", "HTTP://Host.example:9000/", "http://host.example:9000"),
            ("endpoint", "https://host/a/", "https://host/a"),
            ("msi_endpoint", "http://host/a/", "http://host/a/"),
            ("endpoint_url_sts", "https://host", "https://host"),
            ("checksum_algorithm", "SHA256", "sha256"),
            ("token", "a b+/=", "a b+/="),
            ("account_key", "c2VjcmV0IGtleSBvZiB0aGUgdGVzdHM=", "c2VjcmV0IGtleSBvZiB0aGUgdGVzdHM="),
        ] {
            assert_eq!(value_of("it", name, given).unwrap(), written, "{name}");
        }
    }

    #[test]
    fn bad_values_are_refused_and_not_shown() {
        for (name, value) in [
            ("endpoint", "localhost:9000"),
            ("endpoint", "https://user:password@host"),
            ("endpoint", "https://account.blob.core.windows.net/?sv=1&sig=password"),
            ("endpoint", "http:///password"),
            ("base_url", "ftp://password"),
            ("base_url", "data:password"),
            ("metadata_endpoint", ""),
            ("authority_host", "https://pass word"),
            ("msi_endpoint", "http://host:99999/password"),
            ("token", "password\n"),
            ("token", ""),
            ("access_key_id", "pässword"),
            ("region", "eu/password"),
            ("skip_signature", "1"),
            ("server_side_encryption", "password"),
            ("container_credentials_relative_uri", "@password"),
            ("account_key", "password!"),
            ("account_key", "===="),
            ("service_account", " {\"private_key\": \"password\"}"),
        ] {
            let error = value_of("it", name, value).unwrap_err();
            assert!(!error.message.contains("password") && !error.message.contains('\n'), "{name}: {error}");
        }
    }

    #[test]
    fn options_need_and_exclude_others() {
        let together = |pairs: &[(&str, &str)]| {
            let pairs: Vec<_> = pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
            let dialect =
                if pairs[0].0.contains("sse") || pairs[0].0.contains("side") { Dialect::S3 } else { Dialect::Azure };
            check_together(&Options::new("test", &OF_REMOTE, Some(&dialect), &pairs).unwrap())
        };
        for wrong in [
            &[("sse_kms_key_id", "id")][..],
            &[("sse_kms_key_id", "id"), ("server_side_encryption", "AES256")],
            &[("sse_customer_key_base64", "YWJj"), ("server_side_encryption", "aws:kms")],
            &[("server_side_encryption", "sse-c")],
            &[("use_emulator", "true"), ("endpoint", "http://host")],
            &[("client_id", "a"), ("object_id", "b")],
            &[("tenant_id", "a"), ("authority_host", "http://host")],
        ] {
            assert!(together(wrong).is_err(), "{wrong:?}");
        }
        for good in [
            &[("sse_kms_key_id", "id"), ("server_side_encryption", "aws:kms")][..],
            &[("sse_customer_key_base64", "YWJj"), ("server_side_encryption", "sse-c")],
            &[("sse_bucket_key_enabled", "false")],
            &[("use_emulator", "false"), ("endpoint", "http://host")],
            &[("tenant_id", "a"), ("authority_host", "http://host"), ("allow_http", "true")],
        ] {
            assert!(together(good).is_ok(), "{good:?}");
        }
    }
}
