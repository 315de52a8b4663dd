//! What is or may hold a secret, by where it stands and by what stands in it.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Bound;

use cc_devops_kernel::input;
use serde_json::Value;

/// What is shown in place of a hidden value.
pub const HIDDEN: &str = "(hidden)";

/// How CloudFormation shows the value of a `NoEcho` parameter.
pub(super) const NO_ECHO: &str = "****";

/// Names of which everything below is hidden. Names are compared without case, `-` and `_`.
const NAMED: [&str; 5] = [
    "environment",
    "environmentvariables",
    "userdata",
    "optionsettings",
    "secretstring",
];

/// What a secret's name holds.
const HOLDING: [&str; 3] = ["password", "authtoken", "oauthtoken"];

/// What a secret's name ends in.
const ENDING: [&str; 7] = [
    "accesstoken",
    "apikey",
    "clientsecret",
    "environmentvariables",
    "privatekey",
    "secretaccesskey",
    "secretkey",
];

/// What the names of parameters hold that are taken to be secret, whether or not a template says so (`NoEcho`). It is more
/// than counts of a property: what is called `TokenTable` or `SecretArn` there is seldom a secret.
const OF_PARAMETERS: [&str; 9] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "credential",
    "privatekey",
    "apikey",
    "accesskey",
];

/// Properties that hold one of the names above, whatever of them is shown.
const CONTAINERS: [&str; 2] = ["ContainerDefinitions", "LaunchTemplateData"];

/// Where a resource's tags stand.
const TAGS: &str = "Tags";

/// How deep JSON inside texts is looked into.
const MOST_TEXTS: usize = 6;

/// A name as it is compared: letters and digits, in lower case.
fn plain(name: &str) -> Cow<'_, str> {
    if name
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    {
        return Cow::Borrowed(name);
    }
    let letters = name.chars().filter(|c| c.is_alphanumeric());
    Cow::Owned(letters.flat_map(char::to_lowercase).collect())
}

/// Whether what is called so is a secret, or is made of them.
pub(crate) fn is_secret_name(name: &str) -> bool {
    let name = plain(name);
    NAMED.contains(&&*name) || names_a_secret(&name)
}

/// Whether a parameter called so is taken to be a secret by its name. `Environment` is not: many stacks have it for their
/// stage. The values of such parameters are not listed with a plan and not kept for a rollback; what they cause is hidden
/// where CloudFormation hides them (`NoEcho`).
pub fn is_secret_parameter(name: &str) -> bool {
    let name = plain(name);
    OF_PARAMETERS.iter().any(|word| name.contains(word)) || names_a_secret(&name)
}

/// Whether this, without case and dashes, is what one secret is called.
fn names_a_secret(plain: &str) -> bool {
    HOLDING.iter().any(|part| plain.contains(part)) || ENDING.iter().any(|end| plain.ends_with(end))
}

/// The parts of a path. One that does not begin with `/` may be written with dots and brackets.
fn parts(path: &str) -> impl Iterator<Item = &str> {
    let pointer = path.starts_with('/');
    path.split(move |c: char| c == '/' || (!pointer && matches!(c, '.' | '[' | ']')))
        .filter(|part| !part.is_empty())
}

/// Whether a path leads to a secret, or to something that holds one whatever its value.
pub(crate) fn is_secret_path(path: &str, resource_type: &str) -> bool {
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let mut names = parts(path).filter(|part| !is_number(part)).peekable();
    let mut last = None;
    let mut count = 0_usize;
    for name in names.by_ref() {
        let is_first = count == 0 || (count == 1 && last == Some("Properties"));
        if is_first && name == TAGS {
            return false;
        }
        let is_stored = is_first && name == "Value" && resource_type == "AWS::SSM::Parameter";
        if is_secret_name(name) || is_stored {
            return true;
        }
        last = Some(name);
        count += 1;
    }
    match last {
        None => true,
        Some("Properties") => count == 1,
        Some(name) => CONTAINERS.contains(&name),
    }
}

/// Whether a text holds a dynamic reference, or JSON with a secret in it.
pub(crate) fn holds_secret(text: &str) -> bool {
    text_holds(text, MOST_TEXTS, true)
}

/// Whether text that is no JSON looks like JSON that was cut: it opens with a text, or has a member.
pub(crate) fn looks_cut(text: &str) -> bool {
    let inner = text.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '\u{feff}' | '{' | '['));
    let opens = inner.starts_with('"') && inner.len() < text.len();
    let mut quotes = text.match_indices('"');
    opens
        || quotes.any(|(at, quote)| {
            let behind = text.get(at + quote.len()..).unwrap_or_default();
            behind.trim_start().starts_with(':')
        })
}

/// `by_name`: whether names in JSON tell of secrets. Tags' do not.
fn text_holds(text: &str, texts: usize, by_name: bool) -> bool {
    if text.contains("{{resolve:") {
        return true;
    }
    let trimmed = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    if !trimmed.starts_with(['{', '[', '"']) {
        return false;
    }
    match input::unambiguous(trimmed.as_bytes()) {
        // What is nested so deep is more than anybody writes.
        Ok(value) => texts
            .checked_sub(1)
            .is_none_or(|left| value_holds(&value, left, by_name)),
        // It was cut, perhaps. What it holds stands behind its name, which an escape may write otherwise.
        _ if !looks_cut(trimmed) => false,
        _ if trimmed.contains('\\') => true,
        _ if !by_name => false,
        _ => {
            let plain = plain(trimmed);
            NAMED
                .iter()
                .chain(&HOLDING)
                .chain(&ENDING)
                .any(|name| plain.contains(name))
        }
    }
}

/// Whether JSON holds a secret: by a name in it, a reference, or JSON in a text.
fn value_holds(value: &Value, texts: usize, by_name: bool) -> bool {
    match value {
        Value::Object(members) => members.iter().any(|(name, value)| {
            let is_named = by_name && (is_secret_name(name) || tells_a_secrets_name(name, value));
            // A reference may be written as a name.
            is_named || name.contains("{{resolve:") || value_holds(value, texts, by_name && name != TAGS)
        }),
        Value::Array(items) => items.iter().any(|item| value_holds(item, texts, by_name)),
        Value::String(text) => text_holds(text, texts, by_name),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The same of a value that may be text itself.
pub(super) fn holds(value: Option<&Value>) -> bool {
    value.is_some_and(|value| value_holds(value, MOST_TEXTS, true))
}

/// The same of a value at a path: what stands in tags is shown, whatever it is called.
pub(crate) fn holds_at(path: &str, value: Option<&Value>) -> bool {
    let mut names = parts(path);
    let first = names.next();
    let is_tag = first == Some(TAGS) || (first == Some("Properties") && names.next() == Some(TAGS));
    value.is_some_and(|value| value_holds(value, MOST_TEXTS, !is_tag))
}

/// Whether a pair is one of name and value, whose name is a secret's: `{"Key": "DbPassword", "Value": …}`.
fn tells_a_secrets_name(member: &str, value: &Value) -> bool {
    let told = matches!(member, "Name" | "name" | "Key" | "key" | "ParameterName" | "OptionName");
    let is_secret = |name: &str| {
        let name = plain(name);
        name == "secretstring" || names_a_secret(&name)
    };
    match member {
        "ParameterKey" => value.as_str().is_some_and(is_secret_parameter),
        _ => told && value.as_str().is_some_and(is_secret),
    }
}

/// The paths of one resource whose values are hidden.
#[derive(Debug, Default)]
pub(super) struct Masked<'a> {
    paths: BTreeSet<&'a str>,
    /// Those whose whole value came from a secret: what is below them did too.
    whole: BTreeSet<&'a str>,
}

impl<'a> Masked<'a> {
    pub(super) fn add(&mut self, path: &'a str, whole: bool) {
        self.paths.insert(path);
        if whole {
            self.whole.insert(path);
        }
    }

    /// Whether this path is a secret's by itself.
    pub(super) fn names(&self, path: &str) -> bool {
        self.paths.contains(path)
    }

    /// Whether this path's values are hidden: it is one of them, stands above one, or below one that is hidden whole.
    pub(super) fn hide(&self, path: &str) -> bool {
        self.paths.contains(path) || self.is_above_one(path) || self.is_below_a_whole(path)
    }

    fn is_above_one(&self, path: &str) -> bool {
        let below = format!("{path}/");
        let from = (Bound::Included(below.as_str()), Bound::Unbounded);
        self.paths
            .range::<str, _>(from)
            .next()
            .is_some_and(|next| next.starts_with(&below))
    }

    fn is_below_a_whole(&self, path: &str) -> bool {
        let mut rest = path;
        while let Some((above, _)) = rest.rsplit_once('/') {
            if self.whole.contains(above) {
                return true;
            }
            rest = above;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_secrets_by_any_of_its_names() {
        for path in [
            "/Properties/Environment",
            "/Properties/Environment/Variables/LEVEL",
            "/Properties/ContainerDefinitions/0/Environment/3/Value",
            "/Properties/EnvironmentVariables/0",
            "/Properties/SourceConfiguration/ImageRepository/RuntimeEnvironmentVariables",
            "/Properties/UserData",
            "/Properties/LaunchTemplateData/UserData",
            "/Properties/OptionSettings/4/Value",
            "/Properties/SecretString",
            "/Properties/MasterUserPassword",
            "/Properties/ConnectionProperties/PASSWORD",
            "/Properties/AuthToken",
            "/Properties/GitHub/OAuthToken",
            "/Properties/db_password",
            "/Properties/ProviderDetails/client_secret",
            "Properties.Environment[0]",
            "/Properties",
            "/Properties/ContainerDefinitions",
            "/Properties/ContainerDefinitions/0",
            "/Properties/LaunchTemplateData",
            "/",
            "",
        ] {
            assert!(is_secret_path(path, "Custom::It"), "{path}");
        }
        for path in [
            "/Properties/Description",
            "/Properties/ContainerDefinitions/0/Image",
            "/Properties/LaunchTemplateData/ImageId",
            "/Properties/Tags/0/Value",
            "/Properties/SecretArn",
            "/Properties/EnvironmentName",
            "/Properties/Value",
        ] {
            assert!(!is_secret_path(path, "Custom::It"), "{path}");
        }
        assert!(is_secret_path("/Properties/Value", "AWS::SSM::Parameter"));
        assert!(!is_secret_path("/Properties/Name", "AWS::SSM::Parameter"));
    }

    #[test]
    fn a_parameter_is_a_secret_by_what_its_name_holds() {
        for name in [
            "SlackToken",
            "WebhookSecret",
            "DB_PASSWD",
            "Passphrase",
            "GIT_CREDENTIALS",
            "Private_Key",
            "SecretString",
            "ApiKeyOfBilling",
            "AWS_ACCESS_KEY_ID",
        ] {
            assert!(is_secret_parameter(name), "{name}");
        }
        for name in ["Size", "Environment", "KeyName", "KEY", "PassThrough", "Url"] {
            assert!(!is_secret_parameter(name), "{name}");
        }
    }

    #[test]
    fn a_value_is_a_secret_by_what_stands_in_it() {
        for value in [
            "{{resolve:ssm-secure:/db:1}}",
            "https://u:{{resolve:secretsmanager:db}}@h",
            r#"{"Environment":{"Variables":{}}}"#,
            r#"[{"a":[{"MasterPassword":"x"}]}]"#,
            r#"{"Configuration":"{\"EnvironmentVariables\":[]}"}"#,
            r#""{\"UserData\":\"x\"}""#,
            r#"{"a":"\u007b{resolve:ssm:x}}"}"#,
            r#"[{"Key":"DbPassword","Value":"x"}]"#,
            r#"{"Image":"x","Environment":[{"Name":"A","Val"#,
            "  {\"auth_token\": 1}",
        ] {
            assert!(holds_secret(value), "{value}");
        }
        for value in [
            "the Environment of tests",
            "Password",
            r#"[{"Key":"Environment","Value":"prod"}]"#,
            r#"{"Size":10,"Name":"jobs"}"#,
            "{not json at all",
            "",
            "\"",
        ] {
            assert!(!holds_secret(value), "{value}");
        }
    }

    #[test]
    fn what_stands_above_a_secret_is_hidden_with_it() {
        let mut masked = Masked::default();
        masked.add("/Properties/A/B/Password", false);
        masked.add("/Properties/C", true);
        for path in [
            "/Properties/A",
            "/Properties/A/B",
            "/Properties/A/B/Password",
            "/Properties/C/D/0",
        ] {
            assert!(masked.hide(path), "{path}");
        }
        for path in [
            "/Properties/A/B/Password/x",
            "/Properties/AB",
            "/Properties/A/Bee",
            "/Properties/CD",
        ] {
            assert!(!masked.hide(path), "{path}");
        }
    }
}
