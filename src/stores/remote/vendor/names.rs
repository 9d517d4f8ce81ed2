//! Names of the vendors' options: which are known, by which of them they go here, which are of no use.

use super::super::dialect::Dialect;
use crate::stores::options::Vendor;
use object_store::aws::AmazonS3ConfigKey;
use object_store::azure::AzureConfigKey;
use object_store::client::ClientConfigKey;
use object_store::gcp::GoogleConfigKey;

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
        let prefix = self.option_prefix();
        let canonical = known(name)
            .or_else(|| known(name.strip_prefix(prefix)?))
            .or_else(|| if name.starts_with(prefix) { None } else { known(&format!("{prefix}{name}")) })?;
        let bare = canonical.strip_prefix(prefix).unwrap_or(&canonical);
        let bare = if *self == Dialect::Azure { bare.strip_prefix("storage_").unwrap_or(bare) } else { bare };
        // One name for each.
        let one = match (self, bare) {
            (Dialect::S3, "session_token") => "token",
            (Dialect::S3, "default_region") => "region",
            (Dialect::S3, "endpoint_url_s3") => "endpoint",
            (Dialect::Azure, "token") => "bearer_token",
            (_, "read_timeout") => "stall_timeout",
            _ => bare,
        };
        Some(one.to_string())
    }

    fn refusal(&self, name: &str, value: &str) -> Option<String> {
        let why = match name {
            "s3_express" => "directory buckets (S3 Express One Zone) list in no order, and are not in this build",
            "checksum_algorithm" if !value.eq_ignore_ascii_case("sha256") => "only sha256 is in this build",
            "use_azure_cli" => NO_PROGRAM,
            "credential_type" if value == "azure_cli" => NO_PROGRAM,
            "fabric_token_service_url" | "fabric_workload_host" => NO_FABRIC,
            "fabric_session_token" | "fabric_cluster_identifier" => NO_FABRIC,
            "disable_tagging" => "put without tags, which does the same",
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
const NO_PROGRAM: &str = "no other program is run; get a token with it, and give it as bearer_token";
const NO_FABRIC: &str = "Fabric's own server of tokens is not in this build; give a bearer_token";

const S3_NAMES: [&str; 26] = [
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
    "copy_if_not_exists",
    "disable_bulk_delete",
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
    "use_fabric_endpoint",
    "msi_endpoint",
    "object_id",
    "msi_resource_id",
    "federated_token_file",
    "skip_signature",
    "encryption_key",
];

const GOOGLE_NAMES: [&str; 6] =
    ["service_account", "service_account_key", "application_credentials", "bearer_token", "base_url", "skip_signature"];

#[cfg(all(test, not(model)))]
mod tests {
    use super::super::credentials::{KINDS, variables};
    use super::*;
    use crate::stores::options::Options;

    #[test]
    fn every_name_that_is_suggested_is_known() {
        for dialect in [Dialect::S3, Dialect::Azure, Dialect::Google] {
            for name in dialect.names() {
                assert_eq!(dialect.canonical(name).as_deref(), Some(*name));
                assert_eq!(dialect.canonical(&format!("{}{name}", dialect.option_prefix())).as_deref(), Some(*name));
            }
            let kinds = KINDS.iter().filter(|kind| kind.dialect == dialect);
            let of_kinds = kinds.flat_map(|kind| kind.options());
            for name in of_kinds.chain(variables(dialect).iter().map(|(_, name)| *name)) {
                assert!(dialect.names().contains(&name), "{name}");
            }
        }
    }

    #[test]
    fn options_have_one_name() {
        for (dialect, written, name) in [
            (Dialect::S3, "aws_session_token", "token"),
            (Dialect::S3, "aws_default_region", "region"),
            (Dialect::S3, "endpoint_url_s3", "endpoint"),
            (Dialect::S3, "aws_endpoint_url", "endpoint"),
            (Dialect::Azure, "azure_storage_token", "bearer_token"),
            (Dialect::Azure, "azure_storage_access_key", "account_key"),
            (Dialect::Web, "read_timeout", "stall_timeout"),
        ] {
            assert_eq!(dialect.canonical(written).as_deref(), Some(name), "{written}");
        }
        assert_eq!(Dialect::S3.canonical("azure_storage_token"), None);
        assert_eq!(Dialect::Web.canonical("region"), None);
    }

    #[test]
    fn a_vendors_prefix_does_not_hide_the_nearest() {
        for (dialect, written, near) in [
            (Dialect::S3, "aws_secret_key", "secret_access_key"),
            (Dialect::S3, "aws_regoin", "region"),
            (Dialect::Azure, "azure_sas_kay", "sas_key"),
            (Dialect::Azure, "acount_name", "account_name"),
        ] {
            let error =
                Options::new("test", &[], Some(&dialect), &[(written.to_string(), "1".to_string())]).err().unwrap();
            assert!(error.message.contains(&format!("`{written}`; did you mean `{near}`?")), "{error}");
        }
    }
}
