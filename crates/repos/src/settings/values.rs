//! The values that settings may have, in the words of GitHub's REST API.

use cc_devops_kernel::names::{ActionsSecretName, SecretName};
use serde_json::{Map, Value};

use super::Section;

/// What a value must be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// `true` or `false`.
    Flag,
    /// Any text.
    Text,
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// A number from 0 to this.
    UpTo(i64),
    /// Texts that fit.
    List(fn(&str) -> Result<String, String>),
    /// `"any"`, `"protected"`, or patterns on branches.
    Branches,
    /// Six hexadecimal digits.
    Colour,
    /// Actors that may bypass, each with a mode.
    Bypass,
    /// Rules by their types, each `true` or a table of parameters.
    Rules,
}

/// A key, and what its value must be.
pub(super) type Keys = &'static [(&'static str, Kind)];

/// <https://docs.github.com/en/rest/repos/repos#update-a-repository>. Visibility, archiving and the default branch are
/// left out: one mistaken pattern would publish or lock what it should not.
const GENERAL: Keys = &[
    ("description", Kind::Text),
    ("homepage", Kind::Text),
    ("has_issues", Kind::Flag),
    ("has_projects", Kind::Flag),
    ("has_wiki", Kind::Flag),
    ("allow_merge_commit", Kind::Flag),
    ("allow_squash_merge", Kind::Flag),
    ("allow_rebase_merge", Kind::Flag),
    ("allow_auto_merge", Kind::Flag),
    ("allow_update_branch", Kind::Flag),
    ("delete_branch_on_merge", Kind::Flag),
    ("merge_commit_title", Kind::OneOf(&["PR_TITLE", "MERGE_MESSAGE"])),
    ("merge_commit_message", Kind::OneOf(&["PR_BODY", "PR_TITLE", "BLANK"])),
    (
        "squash_merge_commit_title",
        Kind::OneOf(&["PR_TITLE", "COMMIT_OR_PR_TITLE"]),
    ),
    (
        "squash_merge_commit_message",
        Kind::OneOf(&["PR_BODY", "COMMIT_MESSAGES", "BLANK"]),
    ),
    ("web_commit_signoff_required", Kind::Flag),
];

/// <https://docs.github.com/en/rest/actions/permissions>.
const ACTIONS: Keys = &[
    ("enabled", Kind::Flag),
    ("allowed_actions", Kind::OneOf(&["all", "local_only", "selected"])),
    ("github_owned_allowed", Kind::Flag),
    ("verified_allowed", Kind::Flag),
    ("patterns_allowed", Kind::List(any_text)),
    ("sha_pinning_required", Kind::Flag),
    ("default_workflow_permissions", Kind::OneOf(&["read", "write"])),
    ("can_approve_pull_request_reviews", Kind::Flag),
];

const LABEL: Keys = &[("color", Kind::Colour), ("description", Kind::Text)];

/// The longest that GitHub lets a deployment wait, 30 days in minutes.
/// Source: <https://docs.github.com/en/rest/deployments/environments#create-or-update-an-environment>.
const LONGEST_WAIT: i64 = 43_200;

const ENVIRONMENT: Keys = &[
    ("wait_timer", Kind::UpTo(LONGEST_WAIT)),
    ("prevent_self_review", Kind::Flag),
    ("reviewers", Kind::List(reviewer)),
    ("branches", Kind::Branches),
    ("tags", Kind::List(any_text)),
];

const RULESET: Keys = &[
    ("target", Kind::OneOf(&["branch", "tag", "push"])),
    ("enforcement", Kind::OneOf(&["active", "evaluate", "disabled"])),
    ("include", Kind::List(any_text)),
    ("exclude", Kind::List(any_text)),
    ("bypass", Kind::Bypass),
    ("rules", Kind::Rules),
];

/// The types of rules that GitHub describes, to guess what a misspelt one meant.
pub(super) const RULE_TYPES: [&str; 23] = [
    "creation",
    "update",
    "deletion",
    "required_linear_history",
    "merge_queue",
    "required_deployments",
    "required_signatures",
    "pull_request",
    "required_status_checks",
    "non_fast_forward",
    "commit_message_pattern",
    "commit_author_email_pattern",
    "committer_email_pattern",
    "branch_name_pattern",
    "tag_name_pattern",
    "workflows",
    "code_scanning",
    "copilot_code_review",
    "license_compliance_scanning",
    "file_path_restriction",
    "max_file_path_length",
    "file_extension_restriction",
    "max_file_size",
];

/// Those that somebody who is let past is let past in.
pub(super) const BYPASS_MODES: [&str; 3] = ["always", "pull_request", "exempt"];

/// What an item of the section has within it; `None` where an item is a plain text.
pub(super) fn keys(section: Section) -> Option<Keys> {
    match section {
        Section::General => Some(GENERAL),
        Section::Actions => Some(ACTIONS),
        Section::Labels => Some(LABEL),
        Section::Environments => Some(ENVIRONMENT),
        Section::Rulesets => Some(RULESET),
        Section::Topics | Section::Teams | Section::Collaborators | Section::Variables | Section::Secrets => None,
    }
}

fn any_text(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("an empty text fits nothing".to_owned());
    }
    Ok(text.to_owned())
}

fn reviewer(text: &str) -> Result<String, String> {
    match text.split_once(':') {
        Some(("user" | "team", name)) if !name.is_empty() => Ok(text.to_owned()),
        _ => Err(format!("`{text}` is nobody; write `user:LOGIN` or `team:SLUG`")),
    }
}

/// A topic. Source: <https://docs.github.com/en/repositories/managing-your-repositorys-settings-and-features/customizing-your-repository/classifying-your-repository-with-topics>.
pub(super) fn topic(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if text.is_empty() || text.len() > 50 || !text.chars().all(fits) || text.starts_with('-') {
        return Err(format!(
            "`{text}` is no topic; GitHub takes up to 50 small letters, digits and hyphens, no hyphen first"
        ));
    }
    Ok(text.to_owned())
}

/// A role, as GitHub's pages call it; REST's `pull` and `push` are the same as `read` and `write`. An organisation may
/// have roles of its own.
pub(super) fn role(text: &str) -> Result<String, String> {
    match text {
        "" => Err("write a role: read, triage, write, maintain, admin, or one of the organisation's own".to_owned()),
        "pull" => Ok("read".to_owned()),
        "push" => Ok("write".to_owned()),
        role => Ok(role.to_owned()),
    }
}

/// An actor that may be let past a ruleset.
pub(super) fn actor(text: &str) -> Result<String, String> {
    let fits = match text.split_once(':') {
        None => matches!(text, "organization-admin" | "deploy-key"),
        Some(("team" | "user" | "role", name)) => !name.is_empty(),
        Some(("app", id)) => id.parse::<u64>().is_ok(),
        Some(_) => false,
    };
    if fits {
        return Ok(text.to_owned());
    }
    Err(format!(
        "`{text}` is no actor; write `team:SLUG`, `user:LOGIN`, `role:admin`, `app:15368` (its id), \
         `organization-admin` or `deploy-key`"
    ))
}

/// The name of an item, as it is compared, or what is wrong with it.
pub(super) fn item_name(section: Section, name: &str) -> Result<String, String> {
    if name.trim().is_empty() {
        return Err("an empty name is none".to_owned());
    }
    match section {
        Section::Variables => match ActionsSecretName::new(name.to_ascii_uppercase()) {
            Ok(name) => Ok(name.to_string()),
            Err(_) => Err(format!(
                "`{name}` is no variable's name; GitHub takes letters, digits and _, no digit first, and nothing that \
                 begins with GITHUB_"
            )),
        },
        Section::Secrets => match ActionsSecretName::new(name.to_ascii_uppercase()) {
            Ok(name) => Ok(name.to_string()),
            Err(error) => Err(error.to_string()),
        },
        _ => Ok(name.to_owned()),
    }
}

/// The text of an item of a section whose items are texts.
pub(super) fn item_text(section: Section, text: &str) -> Result<String, String> {
    match section {
        Section::Teams | Section::Collaborators => role(text),
        Section::Secrets => SecretName::new(text).map(|name| name.to_string()).map_err(|error| {
            format!("a secret is named by the control plane's secret that holds it, such as \"/contentcraft/github/npm\": {error}")
        }),
        _ => Ok(text.to_owned()),
    }
}

/// An item that is new, with what GitHub would choose for what is not said.
pub(super) fn completed(section: Section, wanted: &Value) -> Value {
    let mut usual = match section {
        Section::Labels => serde_json::json!({"color": "ededed", "description": ""}),
        Section::Environments => serde_json::json!({
            "wait_timer": 0, "prevent_self_review": false, "reviewers": [], "branches": "any", "tags": [],
        }),
        Section::Rulesets => serde_json::json!({
            "target": "branch", "enforcement": "active", "include": ["~DEFAULT_BRANCH"], "exclude": [],
            "bypass": {}, "rules": {},
        }),
        _ => return wanted.clone(),
    };
    let (Some(fields), Some(said)) = (usual.as_object_mut(), wanted.as_object()) else {
        return wanted.clone();
    };
    if section == Section::Rulesets && said.get("target").is_some_and(|target| target != "branch") {
        // There is no default tag, and what is pushed has no ref.
        let include = if said.get("target").is_some_and(|target| target == "tag") {
            serde_json::json!(["~ALL"])
        } else {
            serde_json::json!([])
        };
        fields.insert("include".to_owned(), include);
    }
    for (key, value) in said {
        fields.insert(key.clone(), value.clone());
    }
    if let Some(rules) = fields.get_mut("rules").and_then(Value::as_object_mut) {
        for (kind, parameters) in rules {
            complete_rule(kind, parameters);
        }
    }
    usual
}

/// What a rule must say that GitHub demands and the policy does not name.
pub(super) fn complete_rule(kind: &str, parameters: &mut Value) {
    let usual = match kind {
        "pull_request" => serde_json::json!({
            "dismiss_stale_reviews_on_push": false, "require_code_owner_review": false,
            "require_last_push_approval": false, "required_approving_review_count": 0,
            "required_review_thread_resolution": false,
        }),
        "required_status_checks" => serde_json::json!({
            "required_status_checks": [], "strict_required_status_checks_policy": false,
        }),
        _ => return,
    };
    let said = std::mem::replace(parameters, usual);
    if let (Some(fields), Value::Object(said)) = (parameters.as_object_mut(), said) {
        fields.extend(said);
    }
}

/// A TOML value in the one form that settings have.
pub(super) fn json(value: &toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::from(text.as_str()),
        toml::Value::Integer(number) => Value::from(*number),
        toml::Value::Float(number) => Value::from(*number),
        toml::Value::Boolean(flag) => Value::from(*flag),
        toml::Value::Datetime(date) => Value::from(date.to_string()),
        toml::Value::Array(list) => list.iter().map(json).collect(),
        toml::Value::Table(table) => {
            let fields = table.iter().map(|(key, value)| (key.clone(), json(value)));
            Value::Object(fields.collect::<Map<_, _>>())
        }
    }
}
