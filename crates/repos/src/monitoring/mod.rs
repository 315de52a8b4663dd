//! The workflow monitor: runs read, judged, and exactly one issue kept for each failing workflow.

mod acting;
mod report;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

pub use report::{MonitorReport, MonitorSummary, WatchedWorkflow};

use self::acting::Acting;
use self::report::reason;
use super::keeping;
use super::policy::Policy;
use super::snapshot::{Fact, Gap, Repository, RepositoryId, Workflow, WorkflowId};
use super::workflows::marker::Marker;
use super::workflows::runs::{Health, judge};
use super::workflows::{Seen, Situation, Watched, Watches, condition, decide, marker};
use crate::issues::{self, Issue, IssueStanding};
use crate::ports::RepositoryPorts;
use crate::ports::{ApiUsage, CodeHost, Depth, Found, FoundIssues, IssueLookup, RepositoryStore};
use crate::work::WORKFLOW_MONITOR;
use cc_devops_alerts::ConditionSink;
use cc_devops_kernel::access::{Access, Resource};
use cc_devops_kernel::acts::{ActError, Actor, Author};
use cc_devops_kernel::audit::actions;
use cc_devops_kernel::health::Mode;
use cc_devops_kernel::names::RepositoryName;
use cc_devops_kernel::ports::{AuditTrail, Clock, MaintenanceMode, PortErrorKind, PortResult};
use cc_devops_kernel::work::WorkHandle;

/// Watches workflows.
pub struct Monitor {
    host: Arc<dyn CodeHost>,
    store: Arc<dyn RepositoryStore>,
    audit: Arc<dyn AuditTrail>,
    conditions: Arc<dyn ConditionSink>,
    maintenance: Arc<dyn MaintenanceMode>,
    clock: Arc<dyn Clock>,
    settings: MonitoringSettings,
}

/// What is watched.
#[derive(Debug, Clone)]
pub struct MonitoringSettings {
    /// The owner of the repositories.
    pub owner: String,
    /// How failing workflows are told.
    pub policy: Arc<Policy>,
    /// Whether issues are written.
    pub mode: Mode,
}

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct Ask {
    /// One repository, without its owner; all where none is named.
    pub only: Option<String>,
    /// One workflow's file, as `ci.yml` or with its path.
    pub workflow: Option<String>,
    /// Only tell what would be done.
    pub dry_run: bool,
    /// Who is behind what is written; the schedule, where it is not said.
    pub author: Author,
}

impl Ask {
    /// Whether a workflow is meant.
    fn means(&self, path: &str) -> bool {
        self.workflow
            .as_ref()
            .is_none_or(|asked| path == asked || path.rsplit('/').next() == Some(asked))
    }
}

/// What was read of the repositories.
#[derive(Default)]
struct Reading {
    /// Those with something to decide.
    repositories: BTreeMap<RepositoryId, Box<Repository>>,
    /// The full names of all.
    names: HashMap<RepositoryId, String>,
    report: MonitorReport,
}

impl Reading {
    /// Takes what was found. What plainly works and was never told of needs no decision.
    fn take(&mut self, found: Found, watches: &Watches, all: bool) {
        let repository = match found {
            Found::Total(_) | Found::Organization(_) => return,
            Found::Missing { name, why } => return self.report.missed(name, &why),
            Found::BrokeOff { why } => return self.report.broke_off(why),
            Found::Repository(repository) => repository,
        };
        self.names.insert(repository.id, repository.full_name());
        self.report.summary.repositories += 1;
        if let Fact::Unknown(gap) = &repository.workflows {
            self.report.unread_workflows(&repository.name, gap);
        }
        let workflows = repository.workflows.known().map(Vec::as_slice).unwrap_or_default();
        let mut unsettled = false;
        for workflow in workflows {
            let health = judge(&repository, workflow);
            if let Health::Unknown(gap) = &health {
                self.report.gap(&repository.name, &reason(gap));
            }
            unsettled |= matches!(health, Health::Failing(_) | Health::Unknown(_));
            self.report.summary.count(health.name());
        }
        if all || unsettled || watches.repositories.contains_key(&repository.id) {
            self.repositories.insert(repository.id, repository);
        }
    }
}

impl Monitor {
    /// A monitor over these systems.
    pub fn new(host: Arc<dyn CodeHost>, ports: impl Into<RepositoryPorts>, settings: MonitoringSettings) -> Self {
        let ports = ports.into();
        Self {
            host,
            store: ports.repositories,
            audit: ports.audit,
            conditions: ports.conditions,
            maintenance: ports.maintenance,
            clock: ports.clock,
            settings,
        }
    }

    /// Who is behind what a look writes, if they may; of all repositories where none is named.
    ///
    /// # Errors
    /// A `security_violation` where no policy lets them; a port that failed.
    pub async fn author(&self, actor: &Actor<'_>, repository: Option<RepositoryName>) -> Result<Author, ActError> {
        let access = Access::Request {
            action: WORKFLOW_MONITOR,
            on: repository.map_or(Resource::ControlPlane, Resource::Repository),
            stage: None,
        };
        let (audit, now) = (&*self.audit, self.clock.now());
        actor.author(&access, actions::ISSUE_BEGUN, audit, now).await
    }

    /// Looks at the workflows and does what follows. `handle` may stop it between two repositories that it
    /// acts on; `progress` is told how many repositories of how many were read.
    ///
    /// # Errors
    /// What made it impossible to begin; `NotFound` for a named repository that is not there; `Stopped`. An
    /// action that fails is in the report.
    pub async fn check(
        &self,
        ask: &Ask,
        handle: &WorkHandle,
        progress: &mut (dyn FnMut(u64, u64) + Send),
    ) -> PortResult<MonitorReport> {
        let owner = &self.settings.owner;
        let mut watches = Watches {
            repositories: keeping::load(&*self.store, owner).await?,
        };
        let mut reading = handle.unless_stopped(self.read(ask, &watches, progress)).await?;
        let issues = self.issues(ask, &watches, &mut reading).await;
        if let Fact::Known(found) = &issues {
            self.read_told(&found.issues, &watches, &mut reading).await?;
        }
        let whole = ask.only.is_none() && reading.report.gaps.is_empty();
        let repositories = std::mem::take(&mut reading.repositories);
        let configured = self.settings.mode;
        let mode = if ask.dry_run {
            Mode::Maintenance
        } else {
            self.maintenance.mode(configured, self.clock.now()).await?
        };
        let mut acting = Acting::new(self, &issues, ask, mode);
        for repository in repositories.values() {
            handle.go_on()?;
            self.decide(ask, repository, &mut acting, &mut watches, &mut reading.report)
                .await?;
        }
        if whole {
            acting.forget_all_but(&reading.names, &mut watches);
        }
        acting.keep_the_rest(&watches).await?;
        reading.report.end(owner, self.clock.now());
        Ok(reading.report)
    }

    async fn read(
        &self,
        ask: &Ask,
        watches: &Watches,
        progress: &mut (dyn FnMut(u64, u64) + Send),
    ) -> PortResult<Reading> {
        let owner = &self.settings.owner;
        let mut reading = Reading::default();
        let closely: BTreeSet<WorkflowId> = watches
            .repositories
            .values()
            .flatten()
            .filter(|(_, watch)| watch.memory.is_open())
            .map(|(id, _)| *id)
            .collect();
        let depth = Depth::Runs { closely: &closely };
        if let Some(name) = &ask.only {
            let (repository, spent) = self.host.repository(&format!("{owner}/{name}"), depth).await?;
            reading.report.spent(spent);
            reading.take(Found::Repository(repository), watches, true);
            progress(1, 1);
            return Ok(reading);
        }
        let (mut done, mut total) = (0, 0);
        let mut take = |found| {
            match &found {
                Found::Total(count) => total = *count,
                Found::Repository(_) | Found::Missing { .. } => done += 1,
                Found::Organization(_) | Found::BrokeOff { .. } => {}
            }
            reading.take(found, watches, false);
            progress(done, total);
        };
        let spent = self.host.repositories(owner, depth, &mut take).await?;
        reading.report.spent(spent);
        Ok(reading)
    }

    /// Where the issues about a repository's workflows are written; none if nowhere.
    fn target(&self, repository: &Repository) -> Option<String> {
        let settings = self.settings.policy.settings(&repository.owner, &repository.name);
        let fallback = settings.workflows.fallback_repository.as_ref();
        issues::target(repository.issues_enabled, &repository.full_name(), fallback)
    }

    /// Looks all issues up at once.
    async fn issues(&self, ask: &Ask, watches: &Watches, reading: &mut Reading) -> Fact<FoundIssues> {
        let mut lookup = IssueLookup {
            owner: self.settings.owner.clone(),
            searched: true,
            ..IssueLookup::of(marker::MARKS)
        };
        for repository in reading.repositories.values() {
            let workflows = repository.workflows.known().map(Vec::as_slice).unwrap_or_default();
            // Whose issue is known by its number need not be listed: a new one is only written after another look.
            let unknown = |workflow: &Workflow| {
                let kept = watches.of(repository.id, workflow.id);
                matches!(judge(repository, workflow), Health::Failing(_))
                    && kept.is_none_or(|kept| kept.memory.issue.is_none())
            };
            if workflows.iter().any(unknown) {
                lookup.listed.extend(self.target(repository));
            }
        }
        for (id, of) in &watches.repositories {
            if ask.only.is_none() || reading.repositories.contains_key(id) {
                lookup
                    .kept
                    .extend(of.values().filter_map(|watch| watch.memory.issue.clone()));
            }
        }
        match self.host.issues(&lookup).await {
            Ok((found, spent)) => {
                reading.report.spent(spent);
                for (repository, gap) in &found.unread {
                    let why = format!("its issues could not be read: {}", reason(gap));
                    reading.report.gap(repository, &why);
                }
                Fact::Known(found)
            }
            Err(error) => {
                reading
                    .report
                    .broke_off(format!("the issues could not be read: {error}"));
                Fact::Unknown(Gap::NotRead(error.message))
            }
        }
    }

    /// Reads the repositories again that an open issue tells of and nothing is kept of: what was kept may be
    /// lost, and the workflow works by now.
    async fn read_told(&self, issues: &[Issue], watches: &Watches, reading: &mut Reading) -> PortResult<()> {
        let mut told: BTreeMap<RepositoryId, BTreeSet<WorkflowId>> = BTreeMap::new();
        for issue in issues {
            if let (Some(marker), true, IssueStanding::Open) = (Marker::find(&issue.body), issue.ours, &issue.standing)
                && watches.of(marker.repository, marker.workflow).is_none()
            {
                told.entry(marker.repository).or_default().insert(marker.workflow);
            }
        }
        for (id, workflows) in told {
            let Some(name) = reading.names.get(&id).cloned() else {
                continue;
            };
            let closely = Depth::Runs { closely: &workflows };
            match self.host.repository(&name, closely).await {
                Ok((repository, spent)) => {
                    reading.report.spent(spent);
                    reading.repositories.insert(id, repository);
                }
                Err(error) if error.kind == PortErrorKind::Key => return Err(error),
                Err(error) => reading.report.missed(name, &error.message),
            }
        }
        Ok(())
    }

    /// Decides about every workflow of a repository, and acts.
    async fn decide(
        &self,
        ask: &Ask,
        repository: &Repository,
        acting: &mut Acting<'_>,
        watches: &mut Watches,
        report: &mut MonitorReport,
    ) -> PortResult<()> {
        let settings = self.settings.policy.settings(&repository.owner, &repository.name);
        let Fact::Known(listed) = &repository.workflows else {
            return Ok(());
        };
        let mut seen: Vec<(WorkflowId, Seen<'_>)> = listed
            .iter()
            .filter(|workflow| ask.means(&workflow.path))
            .map(|workflow| (workflow.id, Seen::Listed(workflow)))
            .collect();
        let known: BTreeSet<WorkflowId> = listed.iter().map(|workflow| workflow.id).collect();
        let kept = watches.repositories.get(&repository.id);
        let mut gone: BTreeSet<WorkflowId> = kept
            .into_iter()
            .flatten()
            .filter(|(_, watch)| ask.means(&watch.path))
            .map(|(id, _)| *id)
            .collect();
        if ask.workflow.is_none() {
            gone.extend(acting.told_of(repository.id).iter().copied());
        }
        seen.extend(gone.difference(&known).map(|id| (*id, Seen::Gone(*id))));
        let mut acted = false;
        let mut unsaid = Ok(());
        for (id, workflow) in seen {
            let what = Watched {
                repository: repository.id,
                workflow: id,
            };
            let fallback = settings.workflows.fallback_repository.as_ref();
            let issues = acting.about(what, repository, fallback, watches);
            let situation = Situation {
                repository,
                workflow,
                issues: &issues,
                watch: watches.of(repository.id, id),
                settings: &settings.workflows,
                mode: acting.mode(),
            };
            let mut decision = decide(&situation);
            // Said before it is kept: what ended would be forgotten otherwise.
            if !ask.dry_run
                && let Some(change) = condition::change(&situation, &mut decision.watch, self.clock.now())
            {
                unsaid = self.conditions.note(&[change], self.clock.now()).await;
                if unsaid.is_err() {
                    break;
                }
            }
            let worked = !decision.actions.is_empty();
            let told = acting.carry_out(what, decision, watches, report).await;
            acted |= worked;
            report.add(told, ask.only.is_some());
        }
        if acted {
            acting.keep(repository.id, watches).await?;
        }
        unsaid
    }
}

impl MonitorReport {
    fn spent(&mut self, spent: ApiUsage) {
        let all = ApiUsage {
            requests: self.requests,
            points: self.points,
        }
        .and(spent);
        (self.requests, self.points) = (all.requests, all.points);
    }
}
