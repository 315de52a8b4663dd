//! From findings to planned changes, each with a diff a person can read. Nothing here carries them out.
//!
//! A plan only adds: what stands is merged with, never replaced, and what is not known is left alone. What
//! a person must decide is refused with a reason.

mod dependabot;
mod posture;
mod protection;
#[cfg(test)]
mod tests;

use jiff::civil::Date;
use serde::Serialize;
use serde_json::Value;

pub use protection::RULESET_NAME;

use super::diff::unified;
use super::findings::{self, writable};
use super::policy::{Policy, PolicySettings};
use super::protection::union;
use super::report::{RepositoryReport, Verdict};
use super::rules::Rule;
use super::settings::SettingChange;
use super::snapshot::{Classic, DefaultBranch, Fact, Repository, RepositoryId, RulesetRule};

/// With what branches are protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProtectionMethod {
    /// With a ruleset of our own beside what stands. It cannot weaken anything.
    #[default]
    Ruleset,
    /// With classic protection, merged with what stands: writing it replaces every list.
    Classic,
}

/// What is to be changed in a repository.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// Its id.
    pub id: RepositoryId,
    /// `owner/name`.
    pub repository: String,
    /// The changes, in this order.
    pub changes: Vec<Change>,
    /// Breaches that are not put right, and why.
    pub refused: Vec<Refusal>,
    /// Rules that nobody can judge here, so that there may be more to put right.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<Unknown>,
    /// How many approvals a pull request needs at least once the plan is carried out.
    #[serde(skip)]
    pub approvals: u32,
}

/// A rule that nobody can judge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unknown {
    /// The rule.
    pub rule: Rule,
    /// What is not known, and why: a sentence.
    pub why: String,
    /// What to do, such as which permission to give: a sentence.
    pub fix: String,
}

impl Unknown {
    /// Those of a repository's findings. How settings stand to the policy is read by plans of their own, never here.
    pub fn of(report: &RepositoryReport) -> Vec<Self> {
        let unknown = report.findings.iter();
        let unknown =
            unknown.filter(|finding| finding.verdict == Verdict::Unknown && finding.rule != Rule::SettingsDrift);
        unknown
            .map(|finding| Self {
                rule: finding.rule,
                why: finding.evidence.to_string(),
                fix: finding.fix.to_string(),
            })
            .collect()
    }
}

/// A breach that is not put right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The rule.
    pub rule: Rule,
    /// Why, and what a person can do.
    pub why: String,
}

/// A change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// The rules it puts right.
    pub rules: Vec<Rule>,
    /// What it does.
    pub kind: ChangeKind,
    /// The difference, as a unified diff.
    pub diff: String,
    /// What to think of first, in sentences.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// What a change does.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum ChangeKind {
    /// `PUT /repos/{owner}/{repo}/branches/{branch}/protection`.
    PutProtection {
        /// The branch.
        branch: String,
        /// What it has afterwards.
        #[serde(skip)]
        after: Box<Classic>,
        /// What to send.
        body: Value,
    },
    /// `POST /repos/{owner}/{repo}/rulesets`.
    CreateRuleset {
        /// Its name: [`RULESET_NAME`], with a number if there is one already.
        name: String,
        /// What it demands.
        #[serde(skip)]
        rules: Vec<RulesetRule>,
        /// What to send.
        body: Value,
    },
    /// `PUT /repos/{owner}/{repo}/vulnerability-alerts`.
    SwitchOnAlerts,
    /// `PUT /repos/{owner}/{repo}/automated-security-fixes`, after the alerts.
    SwitchOnSecurityUpdates,
    /// `PUT /repos/{owner}/{repo}/actions/permissions/workflow`: read, unless a workflow asks for more.
    RestrictWorkflowToken,
    /// `PATCH /repos/{owner}/{repo}` with `security_and_analysis`.
    SwitchOnSecretScanning {
        /// Whether secret scanning itself is off.
        scanning: bool,
        /// Whether push protection is off.
        push_protection: bool,
    },
    /// `PATCH /repos/{owner}/{repo}/code-scanning/default-setup`.
    SetUpCodeScanning,
    /// A file, by a pull request.
    WriteFile {
        /// Its path.
        path: String,
        /// What it says now; `None` if it is new. If it says something else by then, plan anew.
        before: Option<String>,
        /// What it says afterwards.
        after: String,
    },
    /// A setting that the policy names.
    Setting(SettingChange),
}

impl ChangeKind {
    /// What it does, in a word; the same as in its JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::PutProtection { .. } => "put_protection",
            Self::CreateRuleset { .. } => "create_ruleset",
            Self::SwitchOnAlerts => "switch_on_alerts",
            Self::SwitchOnSecurityUpdates => "switch_on_security_updates",
            Self::RestrictWorkflowToken => "restrict_workflow_token",
            Self::SwitchOnSecretScanning { .. } => "switch_on_secret_scanning",
            Self::SetUpCodeScanning => "set_up_code_scanning",
            Self::WriteFile { .. } => "write_file",
            Self::Setting(_) => "setting",
        }
    }

    /// Whether it protects a branch, or comes by a pull request into a protected one.
    fn meets_reviews(&self) -> bool {
        match self {
            Self::PutProtection { .. } | Self::CreateRuleset { .. } | Self::WriteFile { .. } => true,
            Self::SwitchOnAlerts
            | Self::SwitchOnSecurityUpdates
            | Self::RestrictWorkflowToken
            | Self::SwitchOnSecretScanning { .. }
            | Self::SetUpCodeScanning
            | Self::Setting(_) => false,
        }
    }

    /// How many approvals it demands of pull requests.
    fn approvals(&self) -> u32 {
        let reviews = match self {
            Self::PutProtection { after, .. } => after.reviews,
            Self::CreateRuleset { rules, .. } => rules.iter().find_map(|rule| match rule {
                RulesetRule::PullRequest(reviews) => Some(*reviews),
                _ => None,
            }),
            Self::SwitchOnAlerts
            | Self::SwitchOnSecurityUpdates
            | Self::RestrictWorkflowToken
            | Self::SwitchOnSecretScanning { .. }
            | Self::SetUpCodeScanning
            | Self::WriteFile { .. }
            | Self::Setting(_) => None,
        };
        reviews.map_or(0, |reviews| reviews.approvals)
    }
}

impl Plan {
    /// The differences, one after the other.
    pub fn diff(&self) -> String {
        let diffs: Vec<&str> = self.changes.iter().map(|change| change.diff.as_str()).collect();
        diffs.join("")
    }

    /// Warns of changes after which, or for which, a pull request needs an approval, where only one person may
    /// write: GitHub lets nobody approve what they proposed themselves.
    /// Source: <https://docs.github.com/en/pull-requests/collaborating-with-pull-requests/reviewing-changes-in-pull-requests/approving-a-pull-request-with-required-reviews>.
    pub fn warn_of_one_writer(&mut self, login: &str) {
        if self.approvals == 0 {
            return;
        }
        for change in &mut self.changes {
            if change.kind.meets_reviews() {
                change.warnings.push(format!(
                    "Pull requests need an approval, and only `{login}` may write: nobody could approve what `{login}` \
                     proposes. Let somebody else write, or demand no approval of this repository in the policy \
                     (`required_reviews = 0`)."
                ));
            }
        }
    }

    /// Whether it matters who may write: something in it demands approvals, or needs them.
    pub fn needs_writers(&self) -> bool {
        self.approvals > 0 && self.changes.iter().any(|change| change.kind.meets_reviews())
    }
}

/// What the parts of a plan are made from.
struct Case<'a> {
    repository: &'a Repository,
    branch: &'a DefaultBranch,
    settings: &'a PolicySettings,
    failing: Vec<Rule>,
    means: ProtectionMethod,
}

impl Case<'_> {
    fn fails(&self, rule: Rule) -> bool {
        self.failing.contains(&rule)
    }
}

/// The plan while it grows.
#[derive(Default)]
struct Draft {
    changes: Vec<Change>,
    refused: Vec<Refusal>,
}

impl Draft {
    fn change(&mut self, rules: Vec<Rule>, kind: ChangeKind, diff: String) {
        self.changes.push(Change {
            rules,
            kind,
            diff,
            warnings: Vec::new(),
        });
    }

    fn refuse(&mut self, rule: Rule, why: impl Into<String>) {
        self.refused.push(Refusal { rule, why: why.into() });
    }
}

/// Plans how a repository's breaches are put right. `today` (UTC) decides which exemptions hold; what is
/// exempt, unknown or skipped is left alone.
pub fn plan(repository: &Repository, policy: &Policy, today: Date, means: ProtectionMethod) -> Plan {
    let mut draft = Draft::default();
    let mut approvals = 0;
    let settings = policy.settings(&repository.owner, &repository.name);
    let report = findings::check(repository, policy, today);
    let failing: Vec<Rule> = report
        .findings
        .iter()
        .filter(|finding| finding.verdict == Verdict::Fail)
        .map(|finding| finding.rule)
        .collect();
    if !writable(repository) {
        for rule in failing {
            draft.refuse(
                rule,
                "the repository is archived, disabled or locked; nothing is written to it",
            );
        }
    } else if let Some(branch) = &repository.default_branch {
        let branch = &branch.clone().settled();
        approvals = union(branch).approvals();
        let case = Case {
            repository,
            branch,
            settings: &settings,
            failing,
            means,
        };
        protection::plan(&case, &mut draft);
        dependabot::plan(&case, &mut draft);
        switches(&case, &mut draft);
        posture::plan(&case, &mut draft);
        people(&case, &mut draft);
    }
    let planned = draft.changes.iter().map(|change| change.kind.approvals());
    Plan {
        id: repository.id,
        repository: repository.full_name(),
        approvals: planned.fold(approvals, u32::max),
        changes: draft.changes,
        refused: draft.refused,
        unknown: Unknown::of(&report),
    }
}

fn switches(case: &Case<'_>, draft: &mut Draft) {
    if case.fails(Rule::VulnerabilityAlerts) {
        let diff = unified("vulnerability alerts", "off\n", "on\n");
        draft.change(vec![Rule::VulnerabilityAlerts], ChangeKind::SwitchOnAlerts, diff);
    }
    if case.fails(Rule::SecurityUpdates) {
        use super::snapshot::SecurityUpdates::Paused;
        if case.repository.security_updates.known() == Some(&Paused) {
            let why = "GitHub paused them; merge or close one of Dependabot's pull requests and they go on";
            draft.refuse(Rule::SecurityUpdates, why);
        } else if case.repository.vulnerability_alerts == Fact::Known(false) && !case.fails(Rule::VulnerabilityAlerts) {
            let why = "they need Dependabot alerts, which are off, and which the policy does not demand here";
            draft.refuse(Rule::SecurityUpdates, why);
        } else {
            let diff = unified("security updates", "off\n", "on\n");
            draft.change(vec![Rule::SecurityUpdates], ChangeKind::SwitchOnSecurityUpdates, diff);
        }
    }
}

/// What people decide, and why.
const PEOPLE: [(Rule, &str); 6] = [
    (
        Rule::StatusCheckNeverRan,
        "whether the check's name is wrong or the check is missing is for a person to say",
    ),
    (
        Rule::BypassActors,
        "who may bypass the protection is for a person to say",
    ),
    (
        Rule::WorkflowDisabled,
        "whether the workflow is still wanted is for a person to say",
    ),
    (
        Rule::RequiredWorkflows,
        "which workflows hold merges back is for a person to say, in a ruleset of the organisation",
    ),
    (
        Rule::DependabotRuns,
        "why Dependabot fails stands in its log, and a person mends it",
    ),
    (
        Rule::ExemptionExpired,
        "an exemption is renewed or removed in the policy",
    ),
];

fn people(case: &Case<'_>, draft: &mut Draft) {
    for (rule, why) in PEOPLE {
        if case.fails(rule) {
            draft.refuse(rule, why);
        }
    }
}

/// Why no plan ever puts a breach of this rule right; none where one may.
pub fn left_to_people(rule: Rule) -> Option<&'static str> {
    if !rule.is_about_repositories() {
        return Some("it is set in the organisation's settings");
    }
    let mut all = PEOPLE.into_iter().chain(posture::PEOPLE);
    all.find(|(which, _)| *which == rule).map(|(_, why)| why)
}
