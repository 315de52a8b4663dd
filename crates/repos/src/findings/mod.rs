//! Holds a repository against the policy: one finding for each rule, those that pass too.

mod branch;
mod dependencies;
mod rest;
mod settings;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeSet;

use jiff::civil::Date;
use serde_json::{Value, json};

use super::policy::{Policy, PolicySettings};
use super::protection::{self, Union};
use super::report::{
    DependabotReport, Finding, ProtectionReport, RepositoryReport, SharedFinding, Skipped, Standing, Verdict,
};
use super::rules::Rule;
use super::snapshot::{DefaultBranch, Fact, Gap, Repository, Trait};

/// Why a repository is not looked at; `None` if it is.
pub fn skipped(repository: &Repository, settings: &PolicySettings) -> Option<Skipped> {
    let left_out = |kind| repository.is(kind) && !settings.include.contains(&kind);
    if repository.is(Trait::Disabled) {
        Some(Skipped::Disabled)
    } else if repository.is(Trait::Locked) {
        Some(Skipped::Locked)
    } else if left_out(Trait::Archived) {
        Some(Skipped::Archived)
    } else if left_out(Trait::Fork) {
        Some(Skipped::Fork)
    } else if left_out(Trait::Mirror) {
        Some(Skipped::Mirror)
    } else if left_out(Trait::Template) {
        Some(Skipped::Template)
    } else if repository.is(Trait::Empty) || repository.default_branch.is_none() {
        Some(Skipped::Empty)
    } else {
        None
    }
}

/// Whether anything may ever be written to it. Those that are archived, disabled or locked refuse it.
pub fn writable(repository: &Repository) -> bool {
    ![Trait::Archived, Trait::Disabled, Trait::Locked]
        .into_iter()
        .any(|kind| repository.is(kind))
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
}

/// What the rules need.
struct Case<'a> {
    repository: &'a Repository,
    branch: &'a DefaultBranch,
    settings: &'a PolicySettings,
    policy: &'a Policy,
    union: Union,
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
        union: protection::union(repository, branch),
        dependabot: dependencies::read(repository),
        today,
    };
    let findings: Vec<SharedFinding> = Rule::ALL
        .into_iter()
        .filter(|rule| !settings.rules_off.contains(rule))
        .filter(|rule| *rule != Rule::SettingsDrift || !settings.wanted.is_empty())
        .map(|rule| finding(rule, &case).into())
        .collect();
    RepositoryReport {
        id: repository.id,
        name: repository.name.clone(),
        default_branch: Some(branch.name.clone()),
        skipped: None,
        protection: protection_report(&case),
        dependabot: DependabotReport {
            file: case.dependabot.standing(case.branch, &settings.dependabot),
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
    let mut outcome = match rule {
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
        Rule::SettingsDrift => settings::drift(case),
        Rule::ExemptionExpired => rest::exemptions(case),
    };
    if outcome.verdict == Verdict::Fail
        && let Some(exemption) = case.policy.exemptions.iter().find(|exemption| {
            exemption.rule == rule
                && exemption.covers(&case.repository.owner, &case.repository.name)
                && !exemption.expired(case.today)
        })
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
        severity: case.settings.severity(rule),
        verdict: outcome.verdict,
        evidence: outcome.evidence,
        data: outcome.data,
        fix: outcome.fix,
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
