//! What is demanded of repositories: defaults, overrides by pattern, exemptions with an owner and a day.
//!
//! A policy is one TOML text, read by [`Policy::from_toml`]. A repository's own demands are the defaults
//! with every fitting override laid over them in order: the later wins.

mod check;
mod file;
mod problems;
mod security;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

pub use self::problems::PolicyProblem;
pub use self::security::{Access, Actions, Deployments};
use super::patterns::Glob;
use super::rules::{Preset, Rule, Severity};
use super::settings::{self, Section, Wanted};
use super::snapshot::{RepositoryFlag, RequiredCheck};

/// A policy that makes sense.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    defaults: Layer,
    overrides: Vec<(Vec<Glob>, Layer)>,
    /// What is demanded of a repository that no override fits, made once from `defaults`.
    base: PolicySettings,
    /// What is let through, until when.
    pub exemptions: Vec<Exemption>,
}

/// What is demanded of one repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicySettings {
    /// Forks, mirrors, templates and archived repositories that are checked all the same.
    pub include: BTreeSet<RepositoryFlag>,
    /// Which rules are looked at, unless they are named below.
    pub rules: Preset,
    /// Rules that are looked at whatever the preset is.
    pub rules_on: BTreeSet<Rule>,
    /// Rules that are not looked at, whatever else says that they are.
    pub rules_off: BTreeSet<Rule>,
    /// Severities that differ from the rule's own.
    pub severity: BTreeMap<Rule, Severity>,
    /// How breaches are told.
    pub tell: BreachReports,
    /// The issues that tell of breaches.
    pub issues: IssueSettings,
    /// The default branch.
    pub protection: Protection,
    /// Dependencies.
    pub dependabot: Dependabot,
    /// Workflows.
    pub workflows: Workflows,
    /// Actions.
    pub actions: Actions,
    /// Who and what has access.
    pub access: Access,
    /// Deployments and releases.
    pub deployments: Deployments,
    /// What its settings are to be.
    pub wanted: Wanted,
}

/// How a breach is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BreachReport {
    /// By the daily audit's event and alert alone.
    #[default]
    Event,
    /// In the repository's issue too.
    Issue,
}

impl BreachReport {
    /// What this name in a policy means.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "event" => Some(Self::Event),
            "issue" => Some(Self::Issue),
            _ => None,
        }
    }
}

/// How breaches are told: all of them, and some rules' otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BreachReports {
    /// Those of rules that are not named.
    pub all: BreachReport,
    /// Those of these rules.
    pub of: BTreeMap<Rule, BreachReport>,
}

impl BreachReports {
    /// How a breach of this rule is told.
    pub fn rule(&self, rule: Rule) -> BreachReport {
        self.of.get(&rule).copied().unwrap_or(self.all)
    }

    /// Whether a breach of any rule is told in an issue.
    pub fn wants_issue(&self) -> bool {
        Rule::ALL.into_iter().any(|rule| self.rule(rule) == BreachReport::Issue)
    }
}

/// What one table says of how breaches are told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct BreachReportsLayer {
    /// Of all, in place of what was said before of any.
    all: Option<BreachReport>,
    of: BTreeMap<Rule, BreachReport>,
}

/// How the issues about breaches are written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IssueSettings {
    /// Where they are written for repositories that have none, `owner/name`.
    pub fallback_repository: Option<String>,
    /// Labels of new ones.
    pub labels: Vec<String>,
}

/// What the default branch must have.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the policy of its own")]
pub struct Protection {
    /// Approvals of a pull request, 0 to 6. With 0, pull requests are not demanded.
    pub required_reviews: u32,
    /// Whether new commits must take approvals back.
    pub dismiss_stale_reviews: bool,
    /// Whether some status check must be required.
    pub require_status_checks: bool,
    /// The checks that must be among them. Without an app, one of any app will do.
    pub status_checks: Vec<RequiredCheck>,
    /// Whether force pushes may be allowed.
    pub allow_force_push: bool,
    /// Whether deleting the branch may be allowed.
    pub allow_deletion: bool,
    /// Who may be let past: `team:platform`, `role:admin`, `deploy-key`.
    pub allowed_bypass_actors: BTreeSet<String>,
}

/// How dependencies must be looked after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependabot {
    /// Whether Renovate does in place of a Dependabot file.
    pub renovate_counts: bool,
    /// How manifests below others are counted.
    pub nested: Nested,
    /// Ecosystems that need no entry, as Dependabot names them.
    pub ignored_ecosystems: BTreeSet<String>,
    /// Paths whose manifests need no entry.
    pub ignored_paths: Vec<Glob>,
}

/// How manifests in folders below others are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Nested {
    /// Where an ecosystem has workspaces, an entry for a folder with a manifest covers those below it.
    #[default]
    Workspaces,
    /// Each folder must be covered by name or pattern.
    Every,
    /// One entry for the ecosystem is enough.
    AnyEntry,
}

/// How failing workflows are told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Workflows {
    /// Workflows nobody is told of: patterns on their files, or their file names.
    pub ignored: Vec<Glob>,
    /// Where issues are written for repositories that have none, `owner/name`.
    pub fallback_repository: Option<String>,
    /// Labels of new issues.
    pub labels: Vec<String>,
    /// Paths of the workflows that rulesets must require, such as `.github/workflows/ci.yml`.
    pub required: BTreeSet<String>,
}

/// A breach that is let through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exemption {
    /// Whose.
    pub repositories: Vec<Glob>,
    /// Of which rule.
    pub rule: Rule,
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// The last day it holds, in UTC.
    pub until: Date,
}

impl Exemption {
    /// Whether it is about this repository.
    pub fn covers(&self, owner: &str, name: &str) -> bool {
        self.repositories.iter().any(|glob| glob.fits_repository(owner, name))
    }

    /// Whether its last day is over.
    pub fn expired(&self, today: Date) -> bool {
        today > self.until
    }
}

/// The settings of one table of the policy; what is not set there is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Layer {
    include: Option<BTreeSet<RepositoryFlag>>,
    rules: Option<Preset>,
    rules_on: Option<BTreeSet<Rule>>,
    rules_off: Option<BTreeSet<Rule>>,
    severity: BTreeMap<Rule, Severity>,
    tell: BreachReportsLayer,
    issues_fallback: Option<String>,
    issues_labels: Option<Vec<String>>,
    required_reviews: Option<u32>,
    dismiss_stale_reviews: Option<bool>,
    require_status_checks: Option<bool>,
    status_checks: Option<Vec<RequiredCheck>>,
    allow_force_push: Option<bool>,
    allow_deletion: Option<bool>,
    allowed_bypass_actors: Option<BTreeSet<String>>,
    renovate_counts: Option<bool>,
    nested: Option<Nested>,
    ignored_ecosystems: Option<BTreeSet<String>>,
    ignored_paths: Option<Vec<Glob>>,
    ignored_workflows: Option<Vec<Glob>>,
    fallback_repository: Option<String>,
    labels: Option<Vec<String>>,
    required_workflows: Option<BTreeSet<String>>,
    security: security::Layer,
    wanted: settings::Layer,
}

/// Folders whose manifests belong to somebody else, or to tests.
static IGNORED_PATHS: LazyLock<Vec<Glob>> = LazyLock::new(|| {
    let all = ["**/node_modules/**", "**/vendor/**", "**/testdata/**", "**/fixtures/**"];
    all.into_iter().filter_map(|pattern| Glob::new(pattern).ok()).collect()
});

impl Default for PolicySettings {
    fn default() -> Self {
        Self {
            include: BTreeSet::new(),
            rules: Preset::default(),
            rules_on: BTreeSet::new(),
            rules_off: BTreeSet::new(),
            severity: BTreeMap::new(),
            tell: BreachReports::default(),
            issues: IssueSettings::default(),
            protection: Protection {
                required_reviews: 1,
                dismiss_stale_reviews: true,
                require_status_checks: true,
                status_checks: Vec::new(),
                allow_force_push: false,
                allow_deletion: false,
                allowed_bypass_actors: BTreeSet::new(),
            },
            dependabot: Dependabot {
                renovate_counts: true,
                nested: Nested::default(),
                ignored_ecosystems: BTreeSet::new(),
                ignored_paths: IGNORED_PATHS.clone(),
            },
            workflows: Workflows::default(),
            actions: Actions::default(),
            access: Access::default(),
            deployments: Deployments::default(),
            wanted: Wanted::default(),
        }
    }
}

impl PolicySettings {
    /// Whether the rule is looked at. What must be required of workflows, and what settings are to be, only the policy
    /// can say.
    pub fn looks_at(&self, rule: Rule) -> bool {
        let says_something = match rule {
            Rule::RequiredWorkflows => !self.workflows.required.is_empty(),
            Rule::SettingsDrift => !self.wanted.is_empty(),
            _ => true,
        };
        says_something
            && !self.rules_off.contains(&rule)
            && (self.rules >= rule.preset() || self.rules_on.contains(&rule))
    }

    /// How bad a breach of the rule is here.
    pub fn severity(&self, rule: Rule) -> Severity {
        self.severity.get(&rule).copied().unwrap_or_else(|| rule.severity())
    }

    /// What a policy demands by its defaults.
    fn under(defaults: &Layer) -> Self {
        let mut settings = Self::default();
        settings.lay(defaults);
        settings
    }

    fn lay(&mut self, layer: &Layer) {
        fn set<T: Clone>(place: &mut T, value: Option<&T>) {
            if let Some(value) = value {
                value.clone_into(place);
            }
        }
        set(&mut self.include, layer.include.as_ref());
        set(&mut self.rules, layer.rules.as_ref());
        set(&mut self.rules_on, layer.rules_on.as_ref());
        set(&mut self.rules_off, layer.rules_off.as_ref());
        self.severity.extend(&layer.severity);
        if let Some(all) = layer.tell.all {
            self.tell = BreachReports {
                all,
                of: BTreeMap::new(),
            };
        }
        self.tell.of.extend(&layer.tell.of);
        set(&mut self.issues.labels, layer.issues_labels.as_ref());
        if layer.issues_fallback.is_some() {
            self.issues.fallback_repository.clone_from(&layer.issues_fallback);
        }
        let protection = &mut self.protection;
        set(&mut protection.required_reviews, layer.required_reviews.as_ref());
        set(
            &mut protection.dismiss_stale_reviews,
            layer.dismiss_stale_reviews.as_ref(),
        );
        set(
            &mut protection.require_status_checks,
            layer.require_status_checks.as_ref(),
        );
        set(&mut protection.status_checks, layer.status_checks.as_ref());
        set(&mut protection.allow_force_push, layer.allow_force_push.as_ref());
        set(&mut protection.allow_deletion, layer.allow_deletion.as_ref());
        set(
            &mut protection.allowed_bypass_actors,
            layer.allowed_bypass_actors.as_ref(),
        );
        let dependabot = &mut self.dependabot;
        set(&mut dependabot.renovate_counts, layer.renovate_counts.as_ref());
        set(&mut dependabot.nested, layer.nested.as_ref());
        set(&mut dependabot.ignored_ecosystems, layer.ignored_ecosystems.as_ref());
        set(&mut dependabot.ignored_paths, layer.ignored_paths.as_ref());
        let workflows = &mut self.workflows;
        set(&mut workflows.ignored, layer.ignored_workflows.as_ref());
        set(&mut workflows.labels, layer.labels.as_ref());
        set(&mut workflows.required, layer.required_workflows.as_ref());
        if layer.fallback_repository.is_some() {
            workflows.fallback_repository.clone_from(&layer.fallback_repository);
        }
        layer
            .security
            .lay(&mut self.actions, &mut self.access, &mut self.deployments);
        self.wanted.lay(&layer.wanted);
    }
}

impl Workflows {
    /// Whether nobody is told of the workflow in this file.
    pub fn ignores(&self, path: &str) -> bool {
        let file = path.rsplit('/').next().unwrap_or(path);
        self.ignored
            .iter()
            .any(|glob| glob.fits_path(path) || glob.fits_path(file))
    }
}

impl Policy {
    fn new(defaults: Layer, overrides: Vec<(Vec<Glob>, Layer)>, exemptions: Vec<Exemption>) -> Self {
        Self {
            base: PolicySettings::under(&defaults),
            defaults,
            overrides,
            exemptions,
        }
    }

    /// Reads a policy.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its place and what is allowed there.
    pub fn from_toml(text: &str) -> Result<Self, PolicyErrors> {
        check::read(text)
    }

    /// Whether a breach of some rule in some repository is told in an issue.
    pub fn wants_issues(&self) -> bool {
        let wants = |layer: &Layer| {
            layer.tell.all == Some(BreachReport::Issue)
                || layer.tell.of.values().any(|tell| *tell == BreachReport::Issue)
        };
        self.layers().any(wants)
    }

    /// What is demanded of this repository.
    pub fn settings(&self, owner: &str, name: &str) -> PolicySettings {
        let mut settings = self.base.clone();
        for (repositories, layer) in &self.overrides {
            if repositories.iter().any(|glob| glob.fits_repository(owner, name)) {
                settings.lay(layer);
            }
        }
        settings
    }

    /// Every section of settings that it names for some repository.
    pub fn wanted_sections(&self) -> BTreeSet<Section> {
        self.layers().flat_map(|layer| layer.wanted.sections()).collect()
    }

    /// The control plane's secrets that it names for some repository.
    pub fn wanted_secrets(&self) -> BTreeSet<&str> {
        self.layers().flat_map(|layer| layer.wanted.secrets()).collect()
    }

    fn layers(&self) -> impl Iterator<Item = &Layer> {
        std::iter::once(&self.defaults).chain(self.overrides.iter().map(|(_, layer)| layer))
    }
}

impl Policy {
    /// Whether the rule may be looked at for some repository, or for the organisation.
    pub fn may_look_at(&self, rule: Rule) -> bool {
        let never = self.defaults.rules_off.as_ref().is_some_and(|off| off.contains(&rule))
            && self
                .layers()
                .all(|layer| layer.rules_off.as_ref().is_none_or(|off| off.contains(&rule)));
        let usual = self.defaults.rules.unwrap_or_default() >= rule.preset();
        let asked = |layer: &Layer| {
            layer.rules.is_some_and(|preset| preset >= rule.preset())
                || layer.rules_on.as_ref().is_some_and(|on| on.contains(&rule))
        };
        let says_something = rule != Rule::RequiredWorkflows
            || self
                .layers()
                .any(|layer| layer.required_workflows.as_ref().is_some_and(|paths| !paths.is_empty()));
        says_something && !never && (usual || self.layers().any(asked))
    }

    /// Looks at these rules too, because somebody names them. What an override leaves out for some repositories
    /// stays left out.
    pub fn look_at(&mut self, rules: &[Rule]) {
        for rule in rules {
            self.defaults.rules_on.get_or_insert_default().insert(*rule);
            if let Some(off) = &mut self.defaults.rules_off {
                off.remove(rule);
            }
            let lists = self
                .overrides
                .iter_mut()
                .filter_map(|(_, layer)| layer.rules_on.as_mut());
            for on in lists {
                on.insert(*rule);
            }
        }
        self.base = PolicySettings::under(&self.defaults);
    }

    /// What is demanded of the organisation itself: it goes by its login, as if it were a repository of that name.
    pub fn of_the_organization(&self, login: &str) -> PolicySettings {
        self.settings(login, login)
    }
}

/// Everything wrong in a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("the policy for repositories cannot be used: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct PolicyErrors(pub Vec<PolicyProblem>);
