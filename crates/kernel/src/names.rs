//! Names that must not be mixed up, each checked once, where it enters.

use std::fmt;

use heck::ToKebabCase;
use serde::{Deserialize, Serialize};

/// Why a name was refused: a lowercase fragment that says what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NameError(String);

impl NameError {
    /// A refusal in these words.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// Declares a newtype over `String` whose only way in is its check.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $check:path) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks `text` and takes it as it is; nothing is trimmed or folded.
            pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
                let text = text.into();
                $check(&text)?;
                Ok(Self(text))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
    };
}

name! {
    /// An agent: 1-64 characters, a letter first, then letters, digits, `-` and `_`.
    AgentName, check_agent
}

name! {
    /// The idempotency key of a request: 1-128 characters without control characters.
    RequestId, check_request_id
}

name! {
    /// A deployment stage such as `dev` or `prod`: 1-32 of `a-z`, `0-9`, `-`, a letter first.
    Stage, check_stage
}

name! {
    /// A stack without its stage suffix: a letter first, then letters, digits and `-`, at most 95,
    /// so that the full name with its stage stays within CloudFormation's 128.
    StackName, check_stack
}

name! {
    /// The first segment of every secret's name, without slashes: 1-64 of `A-Za-z0-9_-`.
    Namespace, check_namespace
}

name! {
    /// A secret: an absolute path of at least two segments, 512 characters of `A-Za-z0-9/_+=.@-`
    /// at most (the alphabet and length of AWS Secrets Manager), without empty, `.` or `..`
    /// segments.
    SecretName, check_secret
}

name! {
    /// A path that ends in `/` and under which an agent may keep secrets.
    SecretPrefix, check_prefix
}

name! {
    /// A repository without its owner: 1-100 of `A-Za-z0-9._-`, not `.` or `..`.
    RepositoryName, check_repository
}

name! {
    /// A secret of GitHub Actions: 1-100 of `A-Z0-9_`, no digit first, not beginning with `GITHUB_`.
    ActionsSecretName, check_actions_secret
}

impl AgentName {
    /// The prefix that belongs to this agent alone: `/<namespace>/<name in lower case>/`.
    pub fn own_prefix(&self, namespace: &Namespace) -> SecretPrefix {
        SecretPrefix(format!("/{namespace}/{}/", self.0.to_ascii_lowercase()))
    }

    /// The stack that belongs to this agent alone: `cc-agent-<name in kebab case>`.
    pub fn own_stack(&self) -> StackName {
        StackName(format!("cc-agent-{}", self.0.to_kebab_case()))
    }

    /// Whether two names would share a prefix or a stack, so that one agent could pass for another.
    pub fn collides_with(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0) || self.own_stack() == other.own_stack()
    }
}

impl StackName {
    /// The stack as the provider knows it: `<stackName>-<stage>`.
    pub fn on(&self, stage: &Stage) -> FullStackName {
        FullStackName(format!("{self}-{stage}"))
    }
}

/// A stack's name with its stage suffix. Made only by [`StackName::on`] and by storage.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FullStackName(String);

impl FullStackName {
    /// Takes back a name that [`StackName::on`] made and an adapter stored.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FullStackName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl SecretName {
    /// The first segment, which must be the installation's namespace.
    pub fn namespace(&self) -> &str {
        self.0.split('/').nth(1).unwrap_or_default()
    }

    /// Every prefix the secret lies under, longest first: `/a/b/c` gives `/a/b/`, `/a/`.
    pub fn prefixes(&self) -> impl Iterator<Item = SecretPrefix> + '_ {
        self.0
            .rmatch_indices('/')
            .filter(|(at, _)| *at > 0)
            .filter_map(|(at, _)| self.0.get(..=at))
            .map(|prefix| SecretPrefix(prefix.to_owned()))
    }
}

fn check_length(text: &str, what: &str, max: usize) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::new(format!("{what} is empty")));
    }
    let length = text.chars().count();
    if length > max {
        return Err(NameError::new(format!(
            "{what} has {length} characters; at most {max} are allowed"
        )));
    }
    Ok(())
}

fn check_letter_first(text: &str, what: &str) -> Result<(), NameError> {
    if text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        Ok(())
    } else {
        Err(NameError::new(format!("{what} must start with a letter")))
    }
}

fn check_alphabet(text: &str, what: &str, extra: &str) -> Result<(), NameError> {
    match text
        .chars()
        .find(|c| !(c.is_ascii_alphanumeric() || extra.contains(*c)))
    {
        None => Ok(()),
        Some(c) => Err(NameError::new(format!(
            "{what} holds {c:?}; only letters, digits and `{extra}` are allowed"
        ))),
    }
}

fn check_agent(text: &str) -> Result<(), NameError> {
    check_length(text, "the agent's name", 64)?;
    check_letter_first(text, "the agent's name")?;
    check_alphabet(text, "the agent's name", "-_")
}

fn check_request_id(text: &str) -> Result<(), NameError> {
    check_length(text, "requestId", 128)?;
    if text.chars().any(char::is_control) {
        return Err(NameError::new("requestId holds a control character"));
    }
    Ok(())
}

fn check_stage(text: &str) -> Result<(), NameError> {
    check_length(text, "the stage", 32)?;
    check_letter_first(text, "the stage")?;
    check_alphabet(text, "the stage", "-")?;
    if text.contains(|c: char| c.is_ascii_uppercase()) {
        return Err(NameError::new("the stage must be in lower case"));
    }
    Ok(())
}

fn check_stack(text: &str) -> Result<(), NameError> {
    check_length(text, "the stack's name", 95)?;
    check_letter_first(text, "the stack's name")?;
    check_alphabet(text, "the stack's name", "-")
}

fn check_namespace(text: &str) -> Result<(), NameError> {
    check_length(text, "the namespace", 64)?;
    check_alphabet(text, "the namespace", "-_")
}

fn check_path(text: &str, what: &str) -> Result<(), NameError> {
    check_length(text, what, 512)?;
    if !text.starts_with('/') {
        return Err(NameError::new(format!("{what} must start with `/`")));
    }
    check_alphabet(text, what, "/_+=.@-")
}

fn check_segments(path: &str, what: &str) -> Result<(), NameError> {
    match path.split('/').find(|s| matches!(*s, "" | "." | "..")) {
        None => Ok(()),
        Some("") => Err(NameError::new(format!("{what} has an empty segment"))),
        Some(dots) => Err(NameError::new(format!("{what} must not contain the segment `{dots}`"))),
    }
}

fn check_repository(text: &str) -> Result<(), NameError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if text.is_empty() || text.len() > 100 || !text.chars().all(fits) || matches!(text, "." | "..") {
        return Err(NameError::new(
            "a repository's name is 1 to 100 letters, digits, `.`, `_` and `-`, without its owner",
        ));
    }
    Ok(())
}

/// Source: <https://docs.github.com/en/actions/reference/security/secrets#naming-your-secrets>. GitHub folds
/// small letters; here they are refused, so that a name is written in one way.
fn check_actions_secret(text: &str) -> Result<(), NameError> {
    let fits = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let begins = |c: char| c.is_ascii_digit();
    if text.is_empty() || text.len() > 100 || !text.chars().all(fits) || text.starts_with(begins) {
        return Err(NameError::new(
            "a secret of GitHub Actions is 1 to 100 capital letters, digits and `_`, no digit first",
        ));
    }
    if text.starts_with("GITHUB_") {
        return Err(NameError::new("secrets that begin with `GITHUB_` are GitHub's own"));
    }
    Ok(())
}

fn check_secret(text: &str) -> Result<(), NameError> {
    check_path(text, "the secret's name")?;
    let path = text.trim_start_matches('/');
    check_segments(text.get(1..).unwrap_or_default(), "the secret's name")?;
    if path.contains('/') {
        Ok(())
    } else {
        Err(NameError::new(
            "the secret's name must lie under a namespace, as in `/contentcraft/service/key`",
        ))
    }
}

fn check_prefix(text: &str) -> Result<(), NameError> {
    check_path(text, "the secret prefix")?;
    let Some(path) = text.strip_prefix('/').and_then(|t| t.strip_suffix('/')) else {
        return Err(NameError::new("the secret prefix must start and end with `/`"));
    };
    check_segments(path, "the secret prefix")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_knows_the_prefixes_it_lies_under() {
        let name = SecretName::new("/contentcraft/orchestrator/api/key").unwrap();
        let prefixes: Vec<String> = name.prefixes().map(String::from).collect();
        assert_eq!(
            prefixes,
            [
                "/contentcraft/orchestrator/api/",
                "/contentcraft/orchestrator/",
                "/contentcraft/"
            ]
        );
        assert_eq!(name.namespace(), "contentcraft");
    }

    #[test]
    fn secret_names_that_could_escape_are_refused() {
        for bad in [
            "",
            "/",
            "//",
            "contentcraft/x",
            "/contentcraft",
            "/contentcraft/",
            "/contentcraft//x",
            "/contentcraft/../x",
            "/contentcraft/./x",
            "/contentcraft/x/..",
            "/contentcraft/x y",
            "/contentcraft/\u{e9}",
        ] {
            assert!(SecretName::new(bad).is_err(), "{bad:?} must be refused");
        }
        assert!(SecretName::new(format!("/contentcraft/{}", "a".repeat(498))).is_ok());
        assert!(SecretName::new(format!("/contentcraft/{}", "a".repeat(499))).is_err());
    }

    #[test]
    fn an_agent_owns_one_prefix_and_one_stack() {
        let agent = AgentName::new("ContentOrchestrator").unwrap();
        let namespace = Namespace::new("contentcraft").unwrap();
        assert_eq!(
            agent.own_prefix(&namespace).as_str(),
            "/contentcraft/contentorchestrator/"
        );
        assert_eq!(agent.own_stack().as_str(), "cc-agent-content-orchestrator");
        let dev = Stage::new("dev").unwrap();
        assert_eq!(agent.own_stack().on(&dev).as_str(), "cc-agent-content-orchestrator-dev");
    }

    #[test]
    fn names_that_would_share_a_prefix_or_a_stack_collide() {
        let agent = AgentName::new("FooBar").unwrap();
        for other in ["foobar", "foo-bar", "Foo_Bar"] {
            assert!(agent.collides_with(&AgentName::new(other).unwrap()), "{other}");
        }
        assert!(!agent.collides_with(&AgentName::new("FooBaz").unwrap()));
    }

    #[test]
    fn lengths_are_counted_in_characters() {
        assert!(RequestId::new("é".repeat(128)).is_ok());
        assert!(RequestId::new("é".repeat(129)).is_err());
        assert!(RequestId::new("a\nb").is_err());
    }
}
