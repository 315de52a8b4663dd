//! A scan of an owner's repositories added up, and compared with the one before.
//!
//! Breaches are kept by the repository's id and the rule, so a renamed repository keeps its own. A scan
//! that is not complete finds new breaches, but ends none: what it did not see may still be there.

mod state;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;

pub use state::{Breach, KeptRepository, State};

use super::findings;
use super::policy::Policy;
use super::report::{Finding, RepositoryReport, SharedFinding, Skipped, Standing, Verdict};
use super::rules::{Rule, Severity};
use super::snapshot::{Organization, Repository, RepositoryId};

/// What a scan looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Every repository of the owner.
    Owner,
    /// The repositories that are added. Nothing is said of others.
    Named,
}

/// A scan while it goes on.
#[derive(Debug)]
pub struct Scan<'p> {
    owner: String,
    scope: Scope,
    policy: &'p Policy,
    now: Timestamp,
    today: Date,
    requests: u64,
    points: u64,
    organization: Option<RepositoryReport>,
    repositories: BTreeMap<RepositoryId, RepositoryReport>,
    /// Every finding once.
    findings: HashSet<SharedFinding>,
    missing: BTreeSet<String>,
    gaps: Vec<ScanGap>,
}

/// Something a scan did not see.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ScanGap {
    /// The repository's name; `null` if the listing itself broke off.
    pub repository: Option<String>,
    /// What, and why.
    pub why: String,
}

/// A scan as a whole.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScanReport {
    /// The owner.
    pub owner: String,
    /// When it was made.
    pub timestamp: Timestamp,
    /// Whether everything was read that the credential may see. If not, nothing counts as fixed.
    pub complete: bool,
    /// Whether no audit was kept before it, so that nothing in it is new since one.
    pub first: bool,
    /// Repositories that are known to be there and were not read, by name.
    pub missing: Vec<String>,
    /// What else was not read, and why.
    pub gaps: Vec<ScanGap>,
    /// How many requests it took.
    pub requests: u64,
    /// How many points of GitHub's GraphQL limit it took.
    pub points: u64,
    /// How many of what.
    pub summary: Summary,
    /// What is different from the scan before.
    pub changes: Vec<Change>,
    /// What was found about the organisation itself; `None` for a person, and where no rule is about it.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "super::report::as_organization"
    )]
    pub organization: Option<RepositoryReport>,
    /// Every repository, by name.
    pub repositories: Vec<RepositoryReport>,
}

impl ScanReport {
    /// The same about some rules alone.
    #[must_use]
    pub fn only(mut self, rules: &BTreeSet<Rule>) -> Self {
        for report in self.organization.iter_mut().chain(&mut self.repositories) {
            report.findings.retain(|finding| rules.contains(&finding.rule));
        }
        self.changes.retain(|change| rules.contains(&change.rule));
        self.organization = self
            .organization
            .filter(|organization| !organization.findings.is_empty());
        self.summary = summary(self.organization.as_ref(), &self.repositories);
        self
    }
}

/// How many of what.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Repositories, those that were skipped too.
    pub repositories: u64,
    /// Repositories that were skipped, by why.
    pub skipped: BTreeMap<Skipped, u64>,
    /// Repositories by what protects their default branch.
    pub protection: BTreeMap<Standing, u64>,
    /// Findings by verdict.
    pub findings: BTreeMap<Verdict, u64>,
    /// Breaches by severity.
    pub breaches: BTreeMap<Severity, u64>,
}

/// What is different from the scan before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The repository's id.
    pub id: RepositoryId,
    /// Its name now, or the last one known.
    pub repository: String,
    /// The rule.
    pub rule: Rule,
    /// How bad a breach is here.
    pub severity: Severity,
    /// What became of it.
    pub kind: ChangeKind,
    /// Since when the rule is broken, as far as is known.
    pub since: Timestamp,
}

/// What became of a breach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// It was not there before.
    New,
    /// It was there before.
    Still,
    /// It is put right.
    Fixed,
    /// Nothing is demanded any more: it is exempt, the rule does not apply, the repository is gone.
    Lapsed,
    /// It was there, and this scan cannot tell whether it still is.
    Unconfirmed,
}

/// A finished scan.
#[derive(Debug, Clone, PartialEq)]
pub struct Audit {
    /// What is shown.
    pub report: ScanReport,
    /// What is kept for the next.
    pub state: State,
}

impl<'p> Scan<'p> {
    /// Begins a scan. Exemptions hold or not as of `now`, in UTC.
    pub fn new(owner: impl Into<String>, scope: Scope, policy: &'p Policy, now: Timestamp) -> Self {
        Self {
            owner: owner.into(),
            scope,
            policy,
            now,
            today: now.to_zoned(TimeZone::UTC).date(),
            requests: 0,
            points: 0,
            organization: None,
            repositories: BTreeMap::new(),
            findings: HashSet::new(),
            missing: BTreeSet::new(),
            gaps: Vec::new(),
        }
    }

    /// Looks at a repository. One that is listed twice, because it was renamed meanwhile, counts once.
    pub fn add(&mut self, repository: &Repository) {
        let mut report = findings::check(repository, self.policy, self.today);
        for finding in &mut report.findings {
            match self.findings.get(finding) {
                Some(same) => *finding = same.clone(),
                None => {
                    self.findings.insert(finding.clone());
                }
            }
        }
        if report.skipped.is_none() {
            self.gaps.extend(repository.unread().into_iter().map(|why| ScanGap {
                repository: Some(repository.name.clone()),
                why,
            }));
        }
        self.repositories.insert(repository.id, report);
    }

    /// Looks at the organisation itself.
    pub fn organization(&mut self, organization: &Organization) {
        self.gaps.extend(
            organization
                .unread()
                .into_iter()
                .map(|why| ScanGap { repository: None, why }),
        );
        let report = findings::check_organization(organization, self.policy, self.today);
        self.organization = Some(report).filter(|report| !report.findings.is_empty());
    }

    /// Notes a repository that could not be read at all.
    pub fn missing(&mut self, name: impl Into<String>, why: impl Into<String>) {
        let name = name.into();
        self.gaps.push(ScanGap {
            repository: Some(name.clone()),
            why: why.into(),
        });
        self.missing.insert(name);
    }

    /// Notes that the listing broke off.
    pub fn broke_off(&mut self, why: impl Into<String>) {
        self.gaps.push(ScanGap {
            repository: None,
            why: why.into(),
        });
    }

    /// Counts what was asked: requests, and points of the GraphQL limit.
    pub fn spent(&mut self, requests: u64, points: u64) {
        self.requests = self.requests.saturating_add(requests);
        self.points = self.points.saturating_add(points);
    }

    /// Ends the scan and compares it with what was kept.
    pub fn finish(self, before: &State) -> Audit {
        let complete = self.gaps.is_empty();
        let mut state = before.clone();
        let mut changes = Vec::new();
        for report in self.organization.iter().chain(self.repositories.values()) {
            let kept = state.repositories.entry(report.id).or_default();
            kept.name.clone_from(&report.name);
            changes.extend(compare(report, kept, complete, self.now));
        }
        let absent: Vec<RepositoryId> = state
            .repositories
            .keys()
            .filter(|id| !self.repositories.contains_key(id))
            .filter(|id| **id != RepositoryId::ORGANIZATION || self.organization.is_none())
            .copied()
            .collect();
        if self.scope == Scope::Owner {
            for id in absent {
                changes.extend(absent_repository(id, &mut state, complete));
            }
        }
        state.repositories.retain(|_, kept| !kept.breaches.is_empty());
        if complete && self.scope == Scope::Owner {
            state.last_complete = Some(self.now);
        }
        changes.sort_by(|a, b| (&a.repository, a.id, a.rule).cmp(&(&b.repository, b.id, b.rule)));
        let mut repositories: Vec<RepositoryReport> = self.repositories.into_values().collect();
        repositories.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
        let mut gaps = self.gaps;
        gaps.sort();
        Audit {
            report: ScanReport {
                owner: self.owner,
                timestamp: self.now,
                complete,
                first: before.is_empty(),
                missing: self.missing.into_iter().collect(),
                gaps,
                requests: self.requests,
                points: self.points,
                summary: summary(self.organization.as_ref(), &repositories),
                changes,
                organization: self.organization,
                repositories,
            },
            state,
        }
    }
}

/// Compares a repository's findings with its kept breaches, and brings these up to date.
fn compare(report: &RepositoryReport, kept: &mut KeptRepository, complete: bool, now: Timestamp) -> Vec<Change> {
    let by_rule: BTreeMap<Rule, &Finding> = report
        .findings
        .iter()
        .map(|finding| (finding.rule, &**finding))
        .collect();
    let mut changes = Vec::new();
    for rule in Rule::ALL {
        let finding = by_rule.get(&rule);
        let known = kept.breaches.get(&rule);
        let verdict = finding.map(|finding| finding.verdict);
        let kind = match (verdict, known) {
            (Some(Verdict::Fail), None) => ChangeKind::New,
            (Some(Verdict::Fail), Some(_)) => ChangeKind::Still,
            (_, None) => continue,
            (Some(Verdict::Unknown), Some(_)) => ChangeKind::Unconfirmed,
            (_, Some(_)) if !complete => ChangeKind::Unconfirmed,
            (Some(Verdict::Pass), Some(_)) => ChangeKind::Fixed,
            (Some(Verdict::Exempt | Verdict::NotApplicable | Verdict::Unavailable) | None, Some(_)) => {
                ChangeKind::Lapsed
            }
        };
        let severity = finding
            .map(|finding| finding.severity)
            .or(known.map(|breach| breach.severity))
            .unwrap_or(rule.severity());
        let since = known.map_or(now, |breach| breach.since);
        match kind {
            ChangeKind::New | ChangeKind::Still => {
                kept.breaches.insert(rule, Breach { since, severity });
            }
            ChangeKind::Fixed | ChangeKind::Lapsed => {
                kept.breaches.remove(&rule);
            }
            ChangeKind::Unconfirmed => {}
        }
        changes.push(Change {
            id: report.id,
            repository: report.name.clone(),
            rule,
            severity,
            kind,
            since,
        });
    }
    changes
}

/// The breaches of a repository that was not listed: gone with it, if the list was complete.
fn absent_repository(id: RepositoryId, state: &mut State, complete: bool) -> Vec<Change> {
    let Some(kept) = state.repositories.get_mut(&id) else {
        return Vec::new();
    };
    let kind = if complete {
        ChangeKind::Lapsed
    } else {
        ChangeKind::Unconfirmed
    };
    let changes = kept
        .breaches
        .iter()
        .map(|(rule, breach)| Change {
            id,
            repository: kept.name.clone(),
            rule: *rule,
            severity: breach.severity,
            kind,
            since: breach.since,
        })
        .collect();
    if complete {
        kept.breaches.clear();
    }
    changes
}

fn summary(organization: Option<&RepositoryReport>, repositories: &[RepositoryReport]) -> Summary {
    let mut summary = Summary::default();
    for finding in organization.iter().flat_map(|report| &report.findings) {
        summary.count(finding);
    }
    for report in repositories {
        summary.repositories += 1;
        if let Some(why) = report.skipped {
            *summary.skipped.entry(why).or_default() += 1;
        }
        *summary.protection.entry(report.protection.verdict).or_default() += 1;
        for finding in &report.findings {
            summary.count(finding);
        }
    }
    summary
}

impl Summary {
    fn count(&mut self, finding: &Finding) {
        *self.findings.entry(finding.verdict).or_default() += 1;
        if finding.verdict == Verdict::Fail {
            *self.breaches.entry(finding.severity).or_default() += 1;
        }
    }
}
