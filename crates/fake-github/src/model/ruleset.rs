//! Rulesets of repositories and organisations.

use serde_json::{Value, json};

use super::pattern::matches;

/// What a ruleset is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Branches.
    Branch,
    /// Tags.
    Tag,
    /// Everything that is pushed.
    Push,
}

/// Whether a ruleset is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enforcement {
    /// It is.
    Active,
    /// It only reports.
    Evaluate,
    /// It is switched off.
    Disabled,
}

impl Target {
    pub(crate) const ALL: [(Self, &'static str); 3] =
        [(Self::Branch, "branch"), (Self::Tag, "tag"), (Self::Push, "push")];

    pub(crate) fn name(self) -> &'static str {
        named(&Self::ALL, &self)
    }
}

impl Enforcement {
    pub(crate) const ALL: [(Self, &'static str); 3] = [
        (Self::Active, "active"),
        (Self::Evaluate, "evaluate"),
        (Self::Disabled, "disabled"),
    ];

    pub(crate) fn name(self) -> &'static str {
        named(&Self::ALL, &self)
    }
}

fn named<T: PartialEq>(all: &[(T, &'static str)], one: &T) -> &'static str {
    all.iter().find(|(each, _)| each == one).expect("all are listed").1
}

/// One rule: what REST calls its type, such as `pull_request`, and its parameters as REST has them.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Such as `non_fast_forward`.
    pub kind: String,
    /// `None` for the types that have none.
    pub parameters: Option<Value>,
}

/// Who need not obey a ruleset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bypass {
    /// `Team`, `Integration`, `RepositoryRole`, `OrganizationAdmin`, `EnterpriseOwner`, `DeployKey` or `User`.
    pub kind: String,
    /// The number of the team, App, role or account; `None` for a deploy key.
    pub id: Option<i64>,
    /// `always`, `pull_request` or `exempt`.
    pub mode: String,
}

/// Which repositories a ruleset of an organisation is for, by a custom property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Property {
    /// What it is called.
    pub name: String,
    /// Any of these.
    pub values: Vec<String>,
}

/// A ruleset.
#[derive(Debug, Clone, PartialEq)]
pub struct Ruleset {
    pub(crate) id: u64,
    pub(crate) created: i64,
    pub(crate) updated: i64,
    /// What it is called.
    pub name: String,
    /// What it is about.
    pub target: Target,
    /// Whether it is in force.
    pub enforcement: Enforcement,
    /// Which refs: `~DEFAULT_BRANCH`, `~ALL`, or fnmatch on `refs/heads/…`. Without any it is for all.
    pub include: Vec<String>,
    /// Which not, though included.
    pub exclude: Vec<String>,
    /// Which repositories of an organisation, by name or `~ALL`; not looked at elsewhere.
    pub repositories: Vec<String>,
    /// Which not, though included.
    pub repositories_exclude: Vec<String>,
    /// Only repositories that have one of these properties; without any, all.
    pub properties: Vec<Property>,
    /// None that have one of these.
    pub properties_exclude: Vec<Property>,
    /// Only these repositories, by number.
    pub repository_ids: Option<Vec<u64>>,
    /// What it demands.
    pub rules: Vec<Rule>,
    /// Who need not obey.
    pub bypass: Vec<Bypass>,
}

impl Ruleset {
    /// An active ruleset for the default branch that demands nothing yet.
    pub fn new(name: &str) -> Self {
        Self {
            id: 0,
            created: 0,
            updated: 0,
            name: name.to_owned(),
            target: Target::Branch,
            enforcement: Enforcement::Active,
            include: vec!["~DEFAULT_BRANCH".to_owned()],
            exclude: Vec::new(),
            repositories: vec!["~ALL".to_owned()],
            repositories_exclude: Vec::new(),
            properties: Vec::new(),
            properties_exclude: Vec::new(),
            repository_ids: None,
            rules: Vec::new(),
            bypass: Vec::new(),
        }
    }

    /// For other refs than the default branch.
    #[must_use]
    pub fn on(mut self, include: &[&str], exclude: &[&str]) -> Self {
        self.include = include.iter().map(|&each| each.to_owned()).collect();
        self.exclude = exclude.iter().map(|&each| each.to_owned()).collect();
        self
    }

    /// About something else than branches.
    #[must_use]
    pub fn target(mut self, target: Target) -> Self {
        self.target = target;
        self
    }

    /// Not in force.
    #[must_use]
    pub fn enforcement(mut self, enforcement: Enforcement) -> Self {
        self.enforcement = enforcement;
        self
    }

    /// For some repositories of the organisation only.
    #[must_use]
    pub fn repositories(mut self, include: &[&str], exclude: &[&str]) -> Self {
        self.repositories = include.iter().map(|&each| each.to_owned()).collect();
        self.repositories_exclude = exclude.iter().map(|&each| each.to_owned()).collect();
        self
    }

    /// One more rule; `parameters` as REST has them, `Value::Null` for none.
    #[must_use]
    pub fn rule(mut self, kind: &str, parameters: Value) -> Self {
        self.rules.push(Rule {
            kind: kind.to_owned(),
            parameters: Some(parameters).filter(|parameters| !parameters.is_null()),
        });
        self
    }

    /// Requires pull requests with so many approvals.
    #[must_use]
    pub fn pull_request(self, approvals: u32) -> Self {
        self.rule(
            "pull_request",
            json!({
                "allowed_merge_methods": ["merge", "squash", "rebase"],
                "dismiss_stale_reviews_on_push": false, "require_code_owner_review": false,
                "require_last_push_approval": false, "required_approving_review_count": approvals,
                "required_review_thread_resolution": false,
            }),
        )
    }

    /// Requires these checks, each from the App of this id if one is named.
    #[must_use]
    pub fn checks(self, contexts: &[(&str, Option<i64>)]) -> Self {
        let checks: Vec<Value> = contexts
            .iter()
            .map(|(context, app)| match app {
                Some(app) => json!({ "context": context, "integration_id": app }),
                None => json!({ "context": context }),
            })
            .collect();
        self.rule(
            "required_status_checks",
            json!({
                "do_not_enforce_on_create": false, "required_status_checks": checks,
                "strict_required_status_checks_policy": false,
            }),
        )
    }

    /// Lets somebody off: `Team`, `Integration`, `RepositoryRole`, `OrganizationAdmin` or `DeployKey`.
    #[must_use]
    pub fn bypass(mut self, kind: &str, id: Option<i64>) -> Self {
        self.bypass.push(Bypass {
            kind: kind.to_owned(),
            id,
            mode: "always".to_owned(),
        });
        self
    }

    /// Whether its conditions hold for a branch. They do so whatever its enforcement is.
    pub(crate) fn has_branch(&self, branch: &str, default: &str) -> bool {
        let whole = format!("refs/heads/{branch}");
        let any = |patterns: &[String]| {
            patterns.iter().any(|pattern| match pattern.as_str() {
                "~ALL" => true,
                "~DEFAULT_BRANCH" => branch == default,
                pattern => matches(pattern, &whole),
            })
        };
        self.target == Target::Branch && (self.include.is_empty() || any(&self.include)) && !any(&self.exclude)
    }
}
