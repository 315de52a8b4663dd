//! The audit: read, held against the policy, compared with the last one, kept, told.

mod conditions;
mod issues;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

pub use self::issues::IssuesKept;

use self::issues::Places;
use super::audit::{Audit, Change, ChangeKind, Scan, ScanReport, Scope, State, Summary};
use super::hygiene;
use super::keeping;
use super::policy::Policy;
use super::rules::{Rule, Severity};
use super::settings::reconciling::needs;
use super::settings::{Drift, FoundSettings, KnownSecrets, SettingsAsked, drift};
use super::snapshot::{Repository, RepositoryFlag, RepositoryId};
use crate::ports::RepositoryPorts;
use crate::ports::{ApiUsage, CodeHost, Depth, Found, RepositoryStore};
use cc_devops_alerts::ConditionChange;
use cc_devops_kernel::events::Announcement;
use cc_devops_kernel::events::COMPLETED_SOURCE;
use cc_devops_kernel::health::Mode;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::ports::{PortError, PortErrorKind};

/// The `detail-type` of an audit's event.
pub const AUDIT_DETAIL_TYPE: &str = "repos.audit.completed";

/// The most entries of a list in an event, which may have 256 KB.
const LISTED: usize = 200;

/// Audits repositories.
pub struct Auditor {
    host: Arc<dyn CodeHost>,
    store: Arc<dyn RepositoryStore>,
    ports: RepositoryPorts,
    settings: AuditSettings,
}

/// What is audited.
#[derive(Debug, Clone)]
pub struct AuditSettings {
    /// The owner of the repositories.
    pub owner: String,
    /// What is demanded.
    pub policy: Arc<Policy>,
    /// The agent that the event is for.
    pub reader: AgentName,
    /// Whether issues are written.
    pub mode: Mode,
}

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct Ask {
    /// Repositories, without their owner; all where none is named.
    pub only: Vec<String>,
    /// Whether what was found is kept, so that the next audit knows what is new.
    pub keep: bool,
}

/// Why there is no audit. What was kept stands.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// An outside system failed.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The event could not be written.
    #[error("the event cannot be written as JSON")]
    Json(#[from] serde_json::Error),
}

impl Auditor {
    /// An auditor over these systems.
    pub fn new(
        host: Arc<dyn CodeHost>,
        store: Arc<dyn RepositoryStore>,
        ports: impl Into<RepositoryPorts>,
        settings: AuditSettings,
    ) -> Self {
        Self {
            host,
            store,
            ports: ports.into(),
            settings,
        }
    }

    /// What is audited.
    pub fn settings(&self) -> &AuditSettings {
        &self.settings
    }

    /// The daily job: audits all repositories, keeps what was found and the issues that the policy wants, tells what is
    /// new. A failure is a condition until an audit is made. `None` where there is no credential and never was an audit.
    ///
    /// # Errors
    /// [`AuditError`].
    pub async fn daily(&self) -> Result<Option<ScanReport>, AuditError> {
        let ask = Ask {
            only: Vec::new(),
            keep: true,
        };
        let mut places = Places::new();
        let error = match self.scan(&ask, Some(&mut places), &mut |_, _| ()).await {
            Ok(mut audit) => {
                let mut spent = ApiUsage::default();
                let issues = self.issues_of(&audit, &places, &mut spent).await;
                audit.report.requests += spent.requests;
                audit.report.points += spent.points;
                self.announce(&audit, issues.as_ref()).await?;
                return Ok(Some(audit.report));
            }
            Err(error) => error,
        };
        if matches!(&error, AuditError::Port(port) if port.kind == PortErrorKind::NotFound) {
            let state = keeping::load_state(&*self.store, &self.settings.owner).await;
            if state.is_ok_and(|state| state.last_complete.is_none() && state.repositories.is_empty()) {
                return Ok(None);
            }
        }
        self.note_failure(&error).await;
        Err(error)
    }

    /// Audits; `progress` is told how many repositories of how many were looked at.
    ///
    /// # Errors
    /// [`AuditError`]; `NotFound` for a named repository that is not there.
    pub async fn audit(
        &self,
        ask: &Ask,
        progress: &mut (dyn FnMut(u64, u64) + Send),
    ) -> Result<ScanReport, AuditError> {
        Ok(self.scan(ask, None, progress).await?.report)
    }

    /// What was done about issues. That they could not be kept is no reason not to tell of the audit.
    async fn issues_of(&self, audit: &Audit, places: &Places, spent: &mut ApiUsage) -> Option<IssuesKept> {
        match self.keep_issues(audit, places, spent).await {
            Ok(issues) => issues,
            Err(error) => {
                tracing::error!(%error, "the issues about breaches could not be kept");
                Some(IssuesKept::none(error.to_string()))
            }
        }
    }

    async fn scan(
        &self,
        ask: &Ask,
        mut places: Option<&mut Places>,
        progress: &mut (dyn FnMut(u64, u64) + Send),
    ) -> Result<Audit, AuditError> {
        let owner = &self.settings.owner;
        let before = keeping::load_state(&*self.store, owner).await?;
        let scope = if ask.only.is_empty() {
            Scope::Owner
        } else {
            Scope::Named
        };
        let mut scan = Scan::new(owner, scope, &self.settings.policy, self.ports.clock.now());
        let (mut settings, spent) = self.drifts(&ask.only).await?;
        scan.spent(spent.requests, spent.points);
        let mut drifts = BTreeMap::new();
        if ask.only.is_empty() {
            let (mut done, mut total) = (0, 0);
            let mut take = |found| {
                match found {
                    Found::Total(count) => total = count,
                    Found::Organization(organization) => scan.organization(&organization),
                    Found::Repository(mut repository) => {
                        if let Some(places) = &mut places {
                            places.insert(repository.id, issues::place(&repository));
                        }
                        repository.settings = settings.remove(&repository.id);
                        drifts.extend(drifted(&repository));
                        scan.add(&repository);
                        done += 1;
                    }
                    Found::Missing { name, why } => {
                        scan.missing(name, why);
                        done += 1;
                    }
                    Found::BrokeOff { why } => scan.broke_off(why),
                }
                progress(done, total);
            };
            let spent = self.host.repositories(owner, Depth::Settings, &mut take).await?;
            scan.spent(spent.requests, spent.points);
        }
        for (name, done) in ask.only.iter().zip(1..) {
            let full_name = format!("{owner}/{name}");
            let (mut repository, spent) = self.host.repository(&full_name, Depth::Settings).await?;
            repository.settings = settings.remove(&repository.id);
            drifts.extend(drifted(&repository));
            scan.add(&repository);
            scan.spent(spent.requests, spent.points);
            progress(done, ask.only.len() as u64);
        }
        let audit = scan.finish(&before);
        if ask.keep {
            // Said before it is forgotten: afterwards nobody would know that it ended.
            self.note(&conditions::ended(&audit)).await?;
            keeping::save_state(&*self.store, owner, &before, &audit.state).await?;
            hygiene::keep(&*self.store, owner, (&audit, scope), &drifts).await?;
        }
        Ok(audit)
    }

    /// How the settings of repositories stand to those that the policy names; nothing is asked where it names none.
    async fn drifts(&self, names: &[String]) -> Result<(BTreeMap<RepositoryId, Drift>, ApiUsage), AuditError> {
        let AuditSettings { owner, policy, .. } = &self.settings;
        let mut drifts = BTreeMap::new();
        let any = policy.wanted_sections();
        if any.is_empty() {
            return Ok((drifts, ApiUsage::default()));
        }
        let set = keeping::load_set_secrets(&*self.store, owner).await?;
        let of = |name: &str, traits: &BTreeSet<RepositoryFlag>| needs(policy, owner, name, traits);
        let asked = SettingsAsked {
            owner,
            names,
            any: &any,
            of: &of,
        };
        let mut take = |found| {
            // What is not handed over was not looked at, and its finding says so.
            if let FoundSettings::Repository(facts) = found {
                let wanted = policy.settings(&facts.owner, &facts.name).wanted;
                let known = KnownSecrets::of(facts.id, set.as_ref(), None);
                drifts.insert(facts.id, drift(&wanted, &facts, known));
            }
        };
        let spent = self.host.settings(&asked, &mut take).await?;
        Ok((drifts, spent))
    }

    /// Tells of an audit: an event, and a condition for each breach that is new. What is new is kept as told afterwards,
    /// so that it is told again after a crash in between, and what somebody's own audit saw first is told too.
    async fn announce(&self, audit: &Audit, issues: Option<&IssuesKept>) -> Result<(), AuditError> {
        let report = &audit.report;
        let new = new(audit);
        let date = report.timestamp.to_zoned(TimeZone::UTC).date();
        let news = Announcement {
            key: format!("repos/{}/{date}", report.owner),
            source: COMPLETED_SOURCE.to_owned(),
            detail_type: AUDIT_DETAIL_TYPE.to_owned(),
            detail: serde_json::to_string(&Detail::of(report, &new, issues))?,
            timestamp: report.timestamp,
        };
        self.ports.announcements.announce(&self.settings.reader, &news).await?;
        let mut changes = vec![conditions::made(&report.owner, report.timestamp)];
        changes.extend(new.iter().map(|change| conditions::broken(&report.owner, change)));
        self.note(&changes).await?;
        let told = State {
            told: Some(report.timestamp),
            ..audit.state.clone()
        };
        Ok(keeping::save_state(&*self.store, &report.owner, &audit.state, &told).await?)
    }

    /// Says that a run failed. It is open until an audit is made, however often the run fails.
    async fn note_failure(&self, error: &AuditError) {
        let failed = conditions::failed(&self.settings.owner, error, self.ports.clock.now());
        if let Err(error) = self.note(&[failed]).await {
            tracing::error!(%error, "people could not be told that the repositories were not audited");
        }
    }

    async fn note(&self, changes: &[ConditionChange]) -> Result<(), PortError> {
        if changes.is_empty() {
            return Ok(());
        }
        self.ports.conditions.note(changes, self.ports.clock.now()).await
    }
}

/// The settings of a repository that are not as the policy names them, where any are.
fn drifted(repository: &Repository) -> Option<(RepositoryId, Drift)> {
    let drift = repository.settings.as_ref().filter(|drift| !drift.is_empty())?;
    Some((repository.id, drift.clone()))
}

/// What nobody was told of yet, worst first.
fn new(audit: &Audit) -> Vec<&Change> {
    let open = |change: &Change| !matches!(change.kind, ChangeKind::Fixed | ChangeKind::Lapsed);
    let untold = |change: &Change| audit.state.told.is_none_or(|told| told < change.since);
    let mut new: Vec<&Change> = audit
        .report
        .changes
        .iter()
        .filter(|change| open(change) && untold(change))
        .collect();
    new.sort_by(|a, b| (b.severity, a.rule, &a.repository).cmp(&(a.severity, b.rule, &b.repository)));
    new
}

/// The event's detail.
#[derive(Serialize)]
struct Detail<'r> {
    owner: &'r str,
    complete: bool,
    missing: Vec<&'r str>,
    missing_count: usize,
    requests: u64,
    points: u64,
    summary: &'r Summary,
    new: Vec<ReportedChange<'r>>,
    new_count: usize,
    fixed: Vec<ReportedChange<'r>>,
    fixed_count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    issues: Option<&'r IssuesKept>,
    timestamp: Timestamp,
}

#[derive(Serialize)]
struct ReportedChange<'r> {
    repository: &'r str,
    rule: Rule,
    severity: Severity,
    since: Timestamp,
}

impl<'r> Detail<'r> {
    fn of(report: &'r ScanReport, new: &[&'r Change], issues: Option<&'r IssuesKept>) -> Self {
        let reported = |change: &&'r Change| ReportedChange {
            repository: &change.repository,
            rule: change.rule,
            severity: change.severity,
            since: change.since,
        };
        let fixed: Vec<&Change> = report
            .changes
            .iter()
            .filter(|change| change.kind == ChangeKind::Fixed)
            .collect();
        Self {
            owner: &report.owner,
            complete: report.complete,
            missing: report.missing.iter().take(LISTED).map(String::as_str).collect(),
            missing_count: report.missing.len(),
            requests: report.requests,
            points: report.points,
            summary: &report.summary,
            new_count: new.len(),
            new: new.iter().take(LISTED).map(reported).collect(),
            fixed_count: fixed.len(),
            fixed: fixed.iter().take(LISTED).map(reported).collect(),
            issues,
            timestamp: report.timestamp,
        }
    }
}
