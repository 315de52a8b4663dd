//! Holds a repository against the policy: one finding for each rule, those that pass too.

mod access;
mod actions;
mod branch;
mod dependencies;
mod rest;
mod scanning;
mod settings;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeSet;

use jiff::civil::Date;
use serde_json::{Value, json};

use super::policy::{Exemption, Policy, PolicySettings};
use super::protection::{self, EffectiveProtection};
use super::report::{
    DependabotReport, Finding, ProtectionReport, RepositoryReport, SharedFinding, Skipped, Standing, Verdict,
};
use super::rules::Rule;
use super::snapshot::{DefaultBranch, Fact, Gap, Observed, Organization, Repository, RepositoryFlag};

/// Why a repository is not looked at; `None` if it is.
pub fn skipped(repository: &Repository, settings: &PolicySettings) -> Option<Skipped> {
    let left_out = |kind| repository.is(kind) && !settings.include.contains(&kind);
    if repository.is(RepositoryFlag::Disabled) {
        Some(Skipped::Disabled)
    } else if repository.is(RepositoryFlag::Locked) {
        Some(Skipped::Locked)
    } else if left_out(RepositoryFlag::Archived) {
        Some(Skipped::Archived)
    } else if left_out(RepositoryFlag::Fork) {
        Some(Skipped::Fork)
    } else if left_out(RepositoryFlag::Mirror) {
        Some(Skipped::Mirror)
    } else if left_out(RepositoryFlag::Template) {
        Some(Skipped::Template)
    } else if repository.is(RepositoryFlag::Empty) || repository.default_branch.is_none() {
        Some(Skipped::Empty)
    } else {
        None
    }
}

/// Whether anything may ever be written to it. Those that are archived, disabled or locked refuse it.
pub fn writable(repository: &Repository) -> bool {
    !RepositoryFlag::READ_ONLY.iter().any(|(kind, _)| repository.is(*kind))
}

/// What a rule came to, before exemptions.
struct Outcome {
    verdict: Verdict,
    evidence: Cow<'static, str>,
    data: Value,
    fix: Cow<'static, str>,
}

impl Outcome {
    fn new(verdict: Verdict, evidence: impl Into<Cow<'static, str>>) -> Self {
        Self {
            verdict,
            evidence: evidence.into(),
            data: Value::Null,
            fix: Cow::Borrowed(""),
        }
    }

    fn pass(evidence: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Verdict::Pass, evidence)
    }

    fn fail(evidence: impl Into<Cow<'static, str>>, fix: impl Into<Cow<'static, str>>) -> Self {
        Self {
            fix: fix.into(),
            ..Self::new(Verdict::Fail, evidence)
        }
    }

    fn not_applicable(evidence: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Verdict::NotApplicable, evidence)
    }

    fn unavailable(why: &str) -> Self {
        Self::new(Verdict::Unavailable, format!("GitHub does not offer it here: {why}."))
    }

    fn unknown(what: &str, gap: &Gap) -> Self {
        let fix = match gap {
            Gap::Permission(permission) => Cow::Owned(format!("Give the credential the permission `{permission}`.")),
            Gap::NotRead(_) => Cow::Borrowed("Scan again."),
        };
        Self {
            fix,
            ..Self::new(Verdict::Unknown, format!("{what} is not known: {gap}."))
        }
    }

    fn with(self, data: Value) -> Self {
        Self { data, ..self }
    }

    /// The same of an earlier day.
    fn of_day(mut self, day: Date) -> Self {
        self.evidence = Cow::Owned(format!("{} This was read on {day}.", self.evidence));
        if self.data.is_null() {
            self.data = json!({});
        }
        if let Some(data) = self.data.as_object_mut() {
            data.insert("as_of".to_owned(), json!(day));
        }
        self
    }
}

/// What the rules need.
struct Case<'a> {
    repository: &'a Repository,
    branch: &'a DefaultBranch,
    settings: &'a PolicySettings,
    policy: &'a Policy,
    union: EffectiveProtection,
    dependabot: dependencies::Read,
    today: Date,
}

/// Holds a repository against the policy. `today` (UTC) decides which exemptions still hold.
pub fn check(repository: &Repository, policy: &Policy, today: Date) -> RepositoryReport {
    let settings = policy.settings(&repository.owner, &repository.name);
    let skipped = skipped(repository, &settings);
    let (None, Some(branch)) = (skipped, &repository.default_branch) else {
        return RepositoryReport::skipped(repository, skipped.unwrap_or(Skipped::Empty));
    };
    let branch = &branch.clone().settled();
    let case = Case {
        repository,
        branch,
        settings: &settings,
        policy,
        union: protection::union(branch),
        dependabot: dependencies::read(repository, branch, &settings.dependabot),
        today,
    };
    let findings: Vec<SharedFinding> = Rule::ALL
        .into_iter()
        .filter(|rule| rule.is_about_repositories() && settings.looks_at(*rule))
        .map(|rule| finding(rule, &case).into())
        .collect();
    RepositoryReport {
        id: repository.id,
        name: repository.name.clone(),
        default_branch: Some(branch.name.clone()),
        skipped: None,
        protection: protection_report(&case),
        dependabot: DependabotReport {
            file: case.dependabot.standing(),
            renovate: case.dependabot.renovate.is_some(),
            alerts: repository.vulnerability_alerts.known().copied(),
            security_updates: repository
                .security_updates
                .known()
                .map(|updates| *updates == super::snapshot::SecurityUpdates::On),
        },
        findings,
    }
}

fn protection_report(case: &Case<'_>) -> ProtectionReport {
    let union = &case.union;
    let names: BTreeSet<String> = union.checks.iter().map(|check| check.context.clone()).collect();
    let whole = union.gaps.is_empty() && union.unavailable.is_none();
    ProtectionReport {
        verdict: match branch::protected(case).verdict {
            Verdict::Pass => Standing::Protected,
            Verdict::Unknown => Standing::Unknown,
            Verdict::Unavailable => Standing::Unavailable,
            Verdict::Fail | Verdict::NotApplicable | Verdict::Exempt => Standing::Unprotected,
        },
        reviews_required: (whole || union.approvals() > 0).then(|| union.approvals()),
        required_checks: names.into_iter().collect(),
    }
}

fn finding(rule: Rule, case: &Case<'_>) -> Finding {
    let outcome = match rule {
        Rule::BranchProtection => branch::protected(case),
        Rule::RequiredReviews => branch::reviews(case),
        Rule::StaleReviewsDismissed => branch::stale_reviews(case),
        Rule::RequiredStatusChecks => branch::status_checks(case),
        Rule::StatusCheckNeverRan => branch::never_ran(case),
        Rule::ForcePush => branch::force_push(case),
        Rule::Deletion => branch::deletion(case),
        Rule::BypassActors => branch::bypass(case),
        Rule::DependabotFile => dependencies::file(case),
        Rule::DependabotCoverage => dependencies::coverage(case),
        Rule::VulnerabilityAlerts => rest::alerts(case),
        Rule::SecurityUpdates => rest::security_updates(case),
        Rule::WorkflowDisabled => rest::workflows(case),
        Rule::WorkflowPermissions => actions::workflow_permissions(case),
        Rule::AllowedActions => actions::allowed_actions(case),
        Rule::ActionsPinned => actions::pinned(case),
        Rule::SecretScanning => scanning::secret_scanning(case),
        Rule::PushProtection => scanning::push_protection(case),
        Rule::CodeScanning => scanning::code_scanning(case),
        Rule::SecurityPolicy => scanning::security_policy(case),
        Rule::Codeowners => scanning::codeowners(case),
        Rule::CodeownersErrors => scanning::codeowners_errors(case),
        Rule::TwoFactorRequired => Outcome::not_applicable("It is a rule on the organisation."),
        Rule::Webhooks => access::webhooks(case.repository.posture.webhooks.as_ref(), case.settings),
        Rule::DeployKeys => access::deploy_keys(case),
        Rule::OutsideAdmins => access::outside_admins(case),
        Rule::Environments => access::environments(case),
        Rule::TagProtection => access::tag_protection(case),
        Rule::RequiredWorkflows => actions::required_workflows(case),
        Rule::DependabotRuns => actions::dependabot_runs(case),
        Rule::SettingsDrift => settings::drift(case),
        Rule::ExemptionExpired => rest::exemptions(case),
    };
    let repository = case.repository;
    let exemption = exemption(case.policy, rule, (&repository.owner, &repository.name), case.today);
    concluded(rule, case.settings, outcome, exemption)
}

/// The exemption of a rule that holds here today.
fn exemption<'p>(policy: &'p Policy, rule: Rule, (owner, name): (&str, &str), today: Date) -> Option<&'p Exemption> {
    let mut all = policy.exemptions.iter();
    all.find(|exemption| exemption.rule == rule && exemption.covers(owner, name) && !exemption.expired(today))
}

/// A finding, exempt if it is a breach that somebody answers for.
fn concluded(rule: Rule, settings: &PolicySettings, mut outcome: Outcome, exemption: Option<&Exemption>) -> Finding {
    if outcome.verdict == Verdict::Fail
        && let Some(exemption) = exemption
    {
        outcome.verdict = Verdict::Exempt;
        outcome.evidence = Cow::Owned(format!(
            "{} Exempt until {} by {}: {}",
            outcome.evidence, exemption.until, exemption.owner, exemption.reason
        ));
        outcome.data = json!({
            "exemption": {"owner": exemption.owner, "reason": exemption.reason, "until": exemption.until},
            "breach": outcome.data,
        });
    }
    Finding {
        rule,
        severity: settings.severity(rule),
        verdict: outcome.verdict,
        evidence: outcome.evidence,
        data: outcome.data,
        fix: outcome.fix,
    }
}

/// Holds an organisation itself against the policy: the rules that are about it.
pub fn check_organization(organization: &Organization, policy: &Policy, today: Date) -> RepositoryReport {
    let login = organization.login.as_str();
    let settings = policy.of_the_organization(login);
    let findings = Rule::ALL
        .into_iter()
        .filter(|rule| rule.is_about_the_organization() && settings.looks_at(*rule))
        .map(|rule| {
            let outcome = match rule {
                Rule::TwoFactorRequired => access::two_factor(organization),
                _ => access::webhooks(organization.webhooks.as_ref(), &settings),
            };
            concluded(rule, &settings, outcome, exemption(policy, rule, (login, login), today)).into()
        })
        .collect();
    RepositoryReport::of_the_organization(login, findings)
}

/// The first few of many, and how many there are besides.
fn few(all: impl ExactSizeIterator<Item = impl std::fmt::Display>) -> String {
    let total = all.len();
    let mut told: Vec<String> = all.take(FEW).map(|each| each.to_string()).collect();
    if total > FEW {
        told.push(format!("and {} more, all of them with `--json`", total - FEW));
    }
    told.join(", ")
}

/// How many things a sentence names.
const FEW: usize = 5;

/// A fact of the repository's posture that must be true.
fn observed<T>(what: &str, seen: Option<&Observed<T>>, judge: impl FnOnce(&T) -> Outcome) -> Outcome {
    let Some(seen) = seen else {
        return Outcome::unknown(what, &Gap::NotRead("it was not asked for".to_owned()));
    };
    let outcome = demanded(what, &seen.fact, judge);
    match seen.on {
        Some(day) => outcome.of_day(day),
        None => outcome,
    }
}

/// A fact that must be true.
fn demanded<T>(what: &str, fact: &Fact<T>, judge: impl FnOnce(&T) -> Outcome) -> Outcome {
    match fact {
        Fact::Known(value) => judge(value),
        Fact::Unknown(gap) => Outcome::unknown(what, gap),
        Fact::Unavailable(why) => Outcome::unavailable(why),
    }
}
