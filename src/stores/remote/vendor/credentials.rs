//! Where credentials come from. The crate would look in one place after the other; here one whole kind of them is
//! chosen when the store is opened, and the crate is given that alone.

use super::super::config::{OF_REMOTE, is_secret};
use super::super::dialect::Dialect;
use super::values::{exclusive, value_of};
use crate::error::{Error, Result};
use crate::stores::options::{Options, bad};
use std::env::VarError;

/// Where credentials come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::stores::remote) enum Credentials {
    /// From the options.
    Static,
    /// From the variables of the environment, now.
    Env,
    /// From the machine's own server of them.
    Instance,
    Anonymous,
}

impl Credentials {
    fn name(self) -> &'static str {
        match self {
            Credentials::Static => "static",
            Credentials::Env => "env",
            Credentials::Instance => "instance",
            Credentials::Anonymous => "anonymous",
        }
    }
}

/// A kind of credentials of a vendor.
#[derive(Debug)]
pub(in crate::stores::remote) struct Kind {
    pub(super) dialect: Dialect,
    from: &'static [Credentials],
    /// The crate's name for it.
    pub(super) name: &'static str,
    /// Options any of which chooses it. Without any it is what is left.
    marks: &'static [&'static str],
    /// Options that it cannot do without.
    needs: &'static [&'static str],
    /// Those that it may have, too.
    takes: &'static [&'static str],
    asks: Asks,
}

/// Whether a server has to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asks {
    Nobody,
    /// One of this machine or its net.
    Near,
    WithTls,
}

impl Kind {
    pub(super) fn options(&self) -> impl Iterator<Item = &'static str> {
        self.marks.iter().chain(self.needs).chain(self.takes).copied()
    }

    fn has(&self, name: &str) -> bool {
        self.options().any(|option| option == name)
    }

    /// They are fetched, and fetched again before they end.
    pub(super) fn is_fetched(&self) -> bool {
        self.asks != Asks::Nobody
    }

    pub(in crate::stores::remote) fn asks_with_tls(&self) -> bool {
        self.asks == Asks::WithTls
    }

    fn is_marked(&self, options: &Options) -> bool {
        self.marks.iter().any(|mark| options.is_in_force(mark))
    }
}

const OPTIONS_OR_VARIABLES: &[Credentials] = &[Credentials::Static, Credentials::Env];
const MACHINE_OR_VARIABLES: &[Credentials] = &[Credentials::Instance, Credentials::Env];

const fn given(dialect: Dialect, name: &'static str, mark: &'static [&'static str]) -> Kind {
    Kind { dialect, from: OPTIONS_OR_VARIABLES, name, marks: mark, needs: mark, takes: &[], asks: Asks::Nobody }
}

const fn of_machine(dialect: Dialect, name: &'static str, takes: &'static [&'static str]) -> Kind {
    Kind { dialect, from: &[Credentials::Instance], name, marks: &[], needs: &[], takes, asks: Asks::Near }
}

/// All kinds.
pub(super) static KINDS: [Kind; 17] = [
    Kind { takes: &["token"], ..given(Dialect::S3, "keys", &["access_key_id", "secret_access_key"]) },
    Kind {
        from: MACHINE_OR_VARIABLES,
        needs: &["web_identity_token_file", "role_arn"],
        takes: &["role_session_name", "endpoint_url_sts"],
        asks: Asks::WithTls,
        ..given(Dialect::S3, "web_identity", &["web_identity_token_file"])
    },
    Kind {
        from: MACHINE_OR_VARIABLES,
        asks: Asks::Near,
        ..given(Dialect::S3, "task", &["container_credentials_relative_uri"])
    },
    Kind {
        from: MACHINE_OR_VARIABLES,
        needs: &["container_credentials_full_uri", "container_authorization_token_file"],
        asks: Asks::Near,
        ..given(Dialect::S3, "pod", &["container_credentials_full_uri"])
    },
    of_machine(Dialect::S3, "machine", &["metadata_endpoint", "imdsv1_fallback"]),
    given(Dialect::Azure, "access_key", &["account_key"]),
    given(Dialect::Azure, "sas_token", &["sas_key"]),
    given(Dialect::Azure, "bearer_token", &["bearer_token"]),
    Kind {
        needs: &["client_secret", "client_id", "tenant_id"],
        takes: &["authority_host"],
        asks: Asks::WithTls,
        ..given(Dialect::Azure, "client_secret", &["client_secret"])
    },
    Kind { from: &[Credentials::Static], ..given(Dialect::Azure, EMULATOR, &["use_emulator"]) },
    Kind {
        from: MACHINE_OR_VARIABLES,
        needs: &["federated_token_file", "client_id", "tenant_id"],
        takes: &["authority_host"],
        asks: Asks::WithTls,
        ..given(Dialect::Azure, "workload_identity", &["federated_token_file"])
    },
    of_machine(Dialect::Azure, "managed_identity", &["client_id", "object_id", "msi_resource_id", "msi_endpoint"]),
    given(Dialect::Google, "service_account", &["service_account"]),
    given(Dialect::Google, "service_account_key", &["service_account_key"]),
    Kind { asks: Asks::WithTls, ..given(Dialect::Google, "application_credentials", &["application_credentials"]) },
    Kind { from: &[Credentials::Static], ..given(Dialect::Google, "bearer_token", &["bearer_token"]) },
    of_machine(Dialect::Google, "machine", &[]),
];

/// The emulator's, which everybody knows.
pub(super) const EMULATOR: &str = "emulator";

/// Variables, and the options that they stand for.
pub(super) fn variables(dialect: Dialect) -> &'static [(&'static str, &'static str)] {
    match dialect {
        Dialect::S3 => &[
            ("AWS_ACCESS_KEY_ID", "access_key_id"),
            ("AWS_SECRET_ACCESS_KEY", "secret_access_key"),
            ("AWS_SESSION_TOKEN", "token"),
            ("AWS_REGION", "region"),
            ("AWS_DEFAULT_REGION", "region"),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", "web_identity_token_file"),
            ("AWS_ROLE_ARN", "role_arn"),
            ("AWS_ROLE_SESSION_NAME", "role_session_name"),
            ("AWS_ENDPOINT_URL_STS", "endpoint_url_sts"),
            ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "container_credentials_relative_uri"),
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "container_credentials_full_uri"),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "container_authorization_token_file"),
        ],
        Dialect::Azure => &[
            ("AZURE_STORAGE_ACCOUNT_NAME", "account_name"),
            ("AZURE_STORAGE_ACCOUNT_KEY", "account_key"),
            ("AZURE_STORAGE_SAS_TOKEN", "sas_key"),
            ("AZURE_STORAGE_TOKEN", "bearer_token"),
            ("AZURE_CLIENT_ID", "client_id"),
            ("AZURE_CLIENT_SECRET", "client_secret"),
            ("AZURE_TENANT_ID", "tenant_id"),
            ("AZURE_FEDERATED_TOKEN_FILE", "federated_token_file"),
            ("AZURE_AUTHORITY_HOST", "authority_host"),
        ],
        Dialect::Google => &[
            ("GOOGLE_SERVICE_ACCOUNT", "service_account"),
            ("GOOGLE_SERVICE_ACCOUNT_KEY", "service_account_key"),
            ("GOOGLE_APPLICATION_CREDENTIALS", "application_credentials"),
        ],
        Dialect::Web => &[],
    }
}

/// What is chosen.
#[derive(Clone, Copy)]
pub(in crate::stores::remote) struct Choice {
    pub(in crate::stores::remote) from: Credentials,
    /// None where there are none.
    pub(in crate::stores::remote) kind: Option<&'static Kind>,
}

impl Choice {
    /// What the options choose; whoever has none must say so. The variables of the environment become options.
    pub(in crate::stores::remote) fn of(dialect: Dialect, options: &mut Options) -> Result<Choice> {
        let from = from(dialect, options)?;
        if options.value("credential_type").is_some() {
            let message = "option `credential_type` is of no use: it is told by the options of the credentials";
            return Err(Error::argument(message));
        }
        let kind = match from {
            Credentials::Anonymous => {
                check_none(dialect, options)?;
                None
            }
            Credentials::Env => Some(of_environment(dialect, options)?),
            _ => Some(of_options(dialect, from, options)?),
        };
        options.tell("credentials", from.name());
        Ok(Choice { from, kind })
    }
}

fn kinds(dialect: Dialect, from: Credentials) -> impl Iterator<Item = &'static Kind> {
    KINDS.iter().filter(move |kind| kind.dialect == dialect && kind.from.contains(&from))
}

fn from(dialect: Dialect, options: &Options) -> Result<Credentials> {
    let marks = kinds(dialect, Credentials::Static).flat_map(|kind| kind.marks);
    let given = marks.copied().find(|mark| options.is_in_force(mark));
    let word = match (options.value("credentials"), options.value("skip_signature")) {
        (None | Some("anonymous"), Some("true")) => Some("anonymous"),
        (Some("anonymous"), Some(_)) | (Some(_), Some("true")) => {
            return Err(exclusive("skip_signature", "credentials"));
        }
        (word, _) => word,
    };
    let others = [Credentials::Env, Credentials::Instance, Credentials::Anonymous];
    match (word, given) {
        (Some("anonymous") | None, None) if dialect == Dialect::Web => Ok(Credentials::Anonymous),
        (Some(word), _) if dialect == Dialect::Web => Err(bad("credentials", word, "`anonymous`: plain HTTP has none")),
        (None | Some("static"), Some(_)) => Ok(Credentials::Static),
        (None | Some("static"), None) => Err(none(dialect)),
        (Some(word), given) => match (others.into_iter().find(|other| other.name() == word), given) {
            (None, _) => Err(bad("credentials", word, "static, env, instance or anonymous")),
            (Some(other), None) => Ok(other),
            (Some(other), Some(given)) => Err(stranger(given, other)),
        },
    }
}

fn none(dialect: Dialect) -> Error {
    let ways: Vec<_> = kinds(dialect, Credentials::Static).map(|kind| kind.needs.join(" and ")).collect();
    let others = "or credentials=env, instance or anonymous";
    Error::argument(format!("there are no credentials: set {}; {others}", ways.join(", or ")))
}

fn stranger(option: &str, from: Credentials) -> Error {
    Error::argument(format!("option `{option}` and credentials={} contradict each other", from.name()))
}

/// The kind that the options choose, with all that it needs and nothing else.
fn of_options(dialect: Dialect, from: Credentials, options: &Options) -> Result<&'static Kind> {
    let mut marked = kinds(dialect, from).filter(|kind| kind.is_marked(options));
    let left = || kinds(dialect, from).find(|kind| kind.marks.is_empty());
    let kind = match (marked.next(), marked.next()) {
        (Some(kind), None) => kind,
        (Some(one), Some(other)) => return Err(exclusive(one.marks[0], other.marks[0])),
        (None, _) => left().ok_or_else(|| none(dialect))?,
    };
    let missing: Vec<_> = kind.needs.iter().copied().filter(|need| options.value(need).is_none()).collect();
    if !missing.is_empty() {
        let mark = kind.marks.iter().find(|mark| options.is_in_force(mark));
        return Err(half(kind, mark.unwrap_or(&kind.name), &missing));
    }
    check_strangers(kind, from, options)?;
    Ok(kind)
}

fn half(kind: &Kind, mark: &str, missing: &[&str]) -> Error {
    // The names that the vendor gives them.
    let hint = if kind.name == "keys" { "; an Access Key and its Secret go together" } else { "" };
    Error::argument(format!("the credentials are not whole: {mark} needs {}{hint}", missing.join(" and ")))
}

/// Refuses options of other credentials than those chosen.
fn check_strangers(kind: &Kind, from: Credentials, options: &Options) -> Result<()> {
    let is_good = |name: &str| {
        // Secrets that come from the environment are not mixed with others.
        kind.has(name) && (from != Credentials::Env || (kind.takes.contains(&name) && !is_secret(name)))
    };
    match of_credentials(kind.dialect, options).find(|name| !is_good(name)) {
        None => Ok(()),
        Some(name) if kind.marks.is_empty() || from == Credentials::Env => Err(stranger(name, from)),
        Some(name) => Err(exclusive(name, kind.marks[0])),
    }
}

/// Refuses options of any credentials: there are to be none.
fn check_none(dialect: Dialect, options: &Options) -> Result<()> {
    match of_credentials(dialect, options).next() {
        None => Ok(()),
        Some(name) => Err(stranger(name, Credentials::Anonymous)),
    }
}

/// The options in force that are of any kind of credentials.
fn of_credentials(dialect: Dialect, options: &Options) -> impl Iterator<Item = &str> {
    let of_any = move |name: &str| KINDS.iter().any(|kind| kind.dialect == dialect && kind.has(name));
    let given = options.others(&OF_REMOTE).map(|(name, _)| name);
    given.filter(move |name| options.is_in_force(name) && of_any(name))
}

/// Takes the one kind that the variables of the environment are of, and the variables that it needs.
fn of_environment(dialect: Dialect, options: &mut Options) -> Result<&'static Kind> {
    let mut found = Vec::new();
    for (variable, option) in variables(dialect) {
        match std::env::var(variable) {
            Ok(value) if !value.is_empty() => found.push((*variable, *option, value)),
            Ok(_) | Err(VarError::NotPresent) => {}
            Err(VarError::NotUnicode(_)) => return Err(Error::argument(format!("variable {variable} is no UTF-8"))),
        }
    }
    let variable_of =
        |option: &str| variables(dialect).iter().find(|(_, of)| *of == option).map_or("", |(name, _)| name);
    let has = |option: &str| found.iter().any(|(_, of, _)| *of == option);
    let mark_of = |kind: &'static Kind| kind.marks.iter().copied().find(|mark| has(mark)).map(|mark| (kind, mark));
    let mut marked = kinds(dialect, Credentials::Env).filter_map(mark_of);
    let (kind, mark) = match (marked.next(), marked.next()) {
        (Some(marked), None) => marked,
        (Some((_, one)), Some((_, other))) => {
            let (one, other) = (variable_of(one), variable_of(other));
            return Err(Error::argument(format!("credentials=env, and both {one} and {other} are set")));
        }
        (None, _) => {
            let marks = kinds(dialect, Credentials::Env).flat_map(|kind| kind.marks);
            let names: Vec<_> = marks.map(|mark| variable_of(mark)).collect();
            return Err(Error::argument(format!("credentials=env, and none of {} is set", names.join(", "))));
        }
    };
    let missing: Vec<_> = kind.needs.iter().filter(|need| !has(need)).map(|need| variable_of(need)).collect();
    if !missing.is_empty() {
        return Err(half(kind, variable_of(mark), &missing));
    }
    check_strangers(kind, Credentials::Env, options)?;
    for (variable, option, value) in found {
        let is_of_kind = kind.has(option) || matches!(option, "region" | "account_name");
        if is_of_kind && options.value(option).is_none() {
            options.put(option, value_of(&format!("variable {variable}"), option, &value)?);
        }
    }
    Ok(kind)
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::*;

    fn chosen(dialect: Dialect, pairs: &[(&str, &str)]) -> Result<(Credentials, Option<&'static str>)> {
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let mut options = Options::new("test", &OF_REMOTE, Some(&dialect), &pairs)?;
        Choice::of(dialect, &mut options).map(|choice| (choice.from, choice.kind.map(|kind| kind.name)))
    }

    #[test]
    fn one_whole_kind_is_chosen() {
        use Credentials::{Anonymous, Instance, Static};
        for (dialect, pairs, from, kind) in [
            (Dialect::S3, &[("access_key_id", "a"), ("secret_access_key", "b")][..], Static, Some("keys")),
            (Dialect::S3, &[("credentials", "instance"), ("imdsv1_fallback", "true")], Instance, Some("machine")),
            (
                Dialect::S3,
                &[("credentials", "instance"), ("web_identity_token_file", "a"), ("role_arn", "b")],
                Instance,
                Some("web_identity"),
            ),
            (Dialect::S3, &[("skip_signature", "true")], Anonymous, None),
            (Dialect::Azure, &[("account_key", "a"), ("use_emulator", "false")], Static, Some("access_key")),
            (
                Dialect::Azure,
                &[("client_secret", "a"), ("client_id", "b"), ("tenant_id", "c")],
                Static,
                Some("client_secret"),
            ),
            (Dialect::Azure, &[("use_emulator", "true")], Static, Some("emulator")),
            (Dialect::Azure, &[("credentials", "instance"), ("client_id", "a")], Instance, Some("managed_identity")),
            (Dialect::Google, &[("credentials", "instance")], Instance, Some("machine")),
            (Dialect::Web, &[], Anonymous, None),
        ] {
            assert_eq!(chosen(dialect, pairs).unwrap(), (from, kind), "{pairs:?}");
        }
    }

    #[test]
    fn halves_and_mixtures_are_refused() {
        for (dialect, pairs, part) in [
            (Dialect::S3, &[("access_key_id", "a")][..], "secret_access_key"),
            (Dialect::S3, &[("access_key_id", "a"), ("secret_access_key", "b"), ("role_arn", "c")], "role_arn"),
            (Dialect::S3, &[("access_key_id", "a"), ("skip_signature", "true")], "access_key_id"),
            (Dialect::S3, &[("credentials", "instance"), ("skip_signature", "true")], "skip_signature"),
            (Dialect::S3, &[("credentials", "instance"), ("web_identity_token_file", "a")], "role_arn"),
            (Dialect::S3, &[("credentials", "instance"), ("role_arn", "a")], "role_arn"),
            (Dialect::Azure, &[("use_emulator", "false")], "no credentials"),
            (Dialect::Azure, &[("account_key", "a"), ("sas_key", "b")], "sas_key"),
            (Dialect::Azure, &[("account_key", "a"), ("client_id", "b")], "client_id"),
            (Dialect::Azure, &[("client_secret", "a"), ("client_id", "b")], "tenant_id"),
            (Dialect::Azure, &[("credentials", "instance"), ("tenant_id", "a")], "tenant_id"),
            (Dialect::Azure, &[("account_key", "a"), ("credential_type", "managed_identity")], "credential_type"),
            (Dialect::Google, &[("bearer_token", "a"), ("service_account", "b")], "bearer_token"),
            (Dialect::Web, &[("credentials", "static")], "anonymous"),
        ] {
            let error = chosen(dialect, pairs).unwrap_err();
            assert!(error.message.contains(part), "{pairs:?}: {error}");
        }
    }
}
