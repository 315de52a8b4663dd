//! Doing what was decided, so that one issue comes of it whoever else does the same.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Value, json};

use super::{Ask, Monitor, MonitorReport, WatchedWorkflow};
use crate::keeping;
use crate::ports::{FoundIssues, IssueLookup};
use crate::snapshot::{Fact, Repository, RepositoryId, WorkflowId};
use crate::workflows::marker::Marker;
use crate::workflows::{
    Action, ActionTaken, CloseReason, Decision, HealthName, Issue, IssueRef, IssueStanding, RunKey, Watch, Watches,
    issue,
};
use cc_devops_kernel::acts::{Author, Outside};
use cc_devops_kernel::audit::actions;
use cc_devops_kernel::health::Mode;
use cc_devops_kernel::ports::{AuditTrail, Clock, PortError, PortErrorKind, PortResult};

/// A workflow of a repository.
type Which = (RepositoryId, WorkflowId);

/// What became of an action.
enum Done {
    /// It was done, or somebody else had done it.
    Taken(Option<ActionTaken>),
    /// What was decided is not true any more. Nothing was done.
    Outdated,
}

pub(super) struct Acting<'m> {
    monitor: &'m Monitor,
    issues: &'m Fact<FoundIssues>,
    author: &'m Author,
    mode: Mode,
    /// Whether what was learnt is kept.
    keeps: bool,
    /// Repositories whose watches changed and are not kept yet.
    changed: BTreeSet<RepositoryId>,
}

impl<'m> Acting<'m> {
    pub(super) fn new(monitor: &'m Monitor, issues: &'m Fact<FoundIssues>, ask: &'m Ask) -> Self {
        Self {
            monitor,
            issues,
            author: &ask.author,
            mode: if ask.dry_run {
                Mode::Maintenance
            } else {
                monitor.settings.mode
            },
            keeps: !ask.dry_run,
            changed: BTreeSet::new(),
        }
    }

    pub(super) fn mode(&self) -> Mode {
        self.mode
    }

    /// The workflows of a repository that issues tell of.
    pub(super) fn told_of(&self, repository: RepositoryId) -> Vec<WorkflowId> {
        let issues = self.issues.known().into_iter().flat_map(|found| &found.issues);
        let open = issues.filter(|issue| issue.standing == IssueStanding::Open && issue.ours);
        open.filter_map(|issue| Marker::find(&issue.body))
            .filter(|marker| marker.repository == repository)
            .map(|marker| marker.workflow)
            .collect()
    }

    /// The issues about a workflow: those with its marker, and the one that was kept. Not known where one of
    /// the places they may be in could not be read.
    pub(super) fn about(
        &self,
        repository: &Repository,
        fallback: Option<&str>,
        workflow: WorkflowId,
        watches: &Watches,
    ) -> Fact<Vec<Issue>> {
        let kept = watches
            .of(repository.id, workflow)
            .and_then(|watch| watch.issue.as_ref());
        let found = match self.issues {
            Fact::Known(found) => found,
            Fact::Unknown(gap) => return Fact::Unknown(gap.clone()),
            Fact::Unavailable(why) => return Fact::Unavailable(why.clone()),
        };
        let own = repository.full_name();
        let fallback = fallback.filter(|_| !repository.issues_enabled);
        let places = [Some(own.as_str()), fallback, kept.map(|kept| kept.repository.as_str())];
        if let Some(gap) = places.into_iter().flatten().find_map(|place| found.gap_of(place)) {
            return Fact::Unknown(gap.clone());
        }
        let meant =
            |issue: &&Issue| marked(issue, (repository.id, workflow)) || kept.is_some_and(|kept| kept.is(issue));
        Fact::Known(found.issues.iter().filter(meant).cloned().collect())
    }

    /// Forgets repositories that are not there any more.
    pub(super) fn forget_all_but(&mut self, there: &HashMap<RepositoryId, String>, watches: &mut Watches) {
        watches.repositories.retain(|id, _| {
            let stays = there.contains_key(id);
            if !stays {
                self.changed.insert(*id);
            }
            stays
        });
    }

    /// Carries a decision out. What is learnt is kept only if everything succeeded.
    pub(super) async fn carry_out(
        &mut self,
        which: Which,
        decision: Decision,
        watches: &mut Watches,
        report: &mut MonitorReport,
    ) -> WatchedWorkflow {
        let Decision {
            actions,
            withheld,
            watch,
            report: told,
            ..
        } = decision;
        let mut told = WatchedWorkflow {
            report: told,
            withheld,
            error: None,
        };
        let mut watch = watch;
        for (place, action) in actions.iter().enumerate() {
            match self.act(which, action, &mut watch, report).await {
                // Those behind the first close duplicates.
                Ok(Done::Taken(taken)) if place == 0 => told.report.action_taken = taken,
                Ok(Done::Taken(_)) => {}
                Ok(Done::Outdated) => {
                    "it failed again after this look began".clone_into(&mut told.report.why);
                    told.report.action_taken = None;
                    return told;
                }
                Err(error) => {
                    tracing::warn!(%error, repository = told.report.repository, "an issue was not written");
                    told.error = Some(error.message);
                    told.report.action_taken = None;
                    return told;
                }
            }
        }
        told.report.issue.clone_from(&watch.issue);
        if told.withheld.is_empty() {
            self.learn(which, watch, told.report.health, watches);
        }
        told
    }

    /// Keeps what was learnt, in memory. What plainly works and was never told of is not worth it.
    fn learn(&mut self, which: Which, watch: Watch, health: HealthName, watches: &mut Watches) {
        let (repository, workflow) = which;
        let worth = watch.is_open() || watch.closed.is_some() || watch.failing_since.is_some();
        if health == HealthName::Gone || !worth {
            if watches.of(repository, workflow).is_some() {
                watches.forget(repository, workflow);
                self.changed.insert(repository);
            }
        } else if watches.of(repository, workflow) != Some(&watch) {
            watches.keep(repository, workflow, watch);
            self.changed.insert(repository);
        }
    }

    async fn act(
        &self,
        which: Which,
        action: &Action,
        watch: &mut Watch,
        report: &mut MonitorReport,
    ) -> PortResult<Done> {
        match action {
            Action::Create {
                repository,
                title,
                body,
                labels,
            } => {
                // Somebody else may have written it since the issues were read.
                if let Some(first) = self.first_open(which, repository, report).await? {
                    watch.created(first);
                    return Ok(Done::Taken(None));
                }
                let created = self.create(which, repository, title, body, labels).await?;
                // Two that looked at the same moment both write; the lowest number stays.
                let first = self.first_open(which, repository, report).await?;
                match first {
                    Some(first) if !first.same(&created) => {
                        let comment = issue::farewell(CloseReason::Duplicate, None, Some(first.number));
                        self.close(which, &created, CloseReason::Duplicate, Some(&comment))
                            .await?;
                        watch.created(first);
                        Ok(Done::Taken(None))
                    }
                    _ => {
                        watch.created(created);
                        Ok(Done::Taken(Some(ActionTaken::IssueCreated)))
                    }
                }
            }
            Action::Update {
                repository,
                number,
                body,
            } => {
                let issue = place(repository, *number);
                let doing = self.monitor.host.update_issue(&issue, body);
                let act = self.on_record(actions::ISSUE_UPDATED, which, shown(&issue), json!({}));
                act.done(self.records(), doing, |()| None).await?;
                Ok(Done::Taken(Some(ActionTaken::IssueUpdated)))
            }
            Action::Close {
                repository,
                number,
                reason,
                comment,
                passed,
            } => {
                let issue = place(repository, *number);
                if let Some(passed) = passed
                    && self.tells_of_later(&issue, *passed, report).await?
                {
                    return Ok(Done::Outdated);
                }
                self.close(which, &issue, *reason, comment.as_deref()).await?;
                Ok(Done::Taken(Some(ActionTaken::IssueClosed)))
            }
        }
    }

    async fn create(
        &self,
        which: Which,
        repository: &str,
        title: &str,
        body: &str,
        labels: &[String],
    ) -> PortResult<IssueRef> {
        let doing = self.monitor.host.create_issue(repository, title, body, labels);
        let act = self.on_record(actions::ISSUE_CREATED, which, repository.to_owned(), json!({}));
        act.done(self.records(), doing, |created| Some(shown(created))).await
    }

    async fn close(
        &self,
        which: Which,
        issue: &IssueRef,
        reason: CloseReason,
        comment: Option<&str>,
    ) -> PortResult<()> {
        let doing = self.monitor.host.close_issue(issue, reason, comment);
        let act = self.on_record(actions::ISSUE_CLOSED, which, shown(issue), json!({"reason": reason}));
        act.done(self.records(), doing, |()| None).await
    }

    fn records(&self) -> (&dyn AuditTrail, &dyn Clock) {
        (&*self.monitor.audit, &*self.monitor.clock)
    }

    /// Something that is done to an issue about a workflow.
    fn on_record(
        &self,
        done: &'static str,
        (repository, workflow): Which,
        resource: String,
        mut detail: Value,
    ) -> Outside<'m> {
        if let Value::Object(fields) = &mut detail {
            fields.insert("act".to_owned(), json!(done));
            fields.insert("repositoryId".to_owned(), json!(repository));
            fields.insert("workflowId".to_owned(), json!(workflow));
        }
        Outside {
            begun: actions::ISSUE_BEGUN,
            done,
            resource,
            detail,
            author: self.author,
        }
    }

    /// Whether an issue tells by now of a failure after this success: somebody else looked later than we did.
    async fn tells_of_later(&self, issue: &IssueRef, passed: RunKey, report: &mut MonitorReport) -> PortResult<bool> {
        let lookup = IssueLookup {
            owner: self.monitor.settings.owner.clone(),
            kept: BTreeSet::from([issue.clone()]),
            ..IssueLookup::default()
        };
        let (found, spent) = self.monitor.host.issues(&lookup).await?;
        report.spent(spent);
        if let Some(gap) = found.gap_of(&issue.repository) {
            let message = format!("the issue {}#{} is not known: {gap}", issue.repository, issue.number);
            return Err(PortError::new(PortErrorKind::Unavailable, message));
        }
        let markers = found.issues.iter().filter_map(|issue| Marker::find(&issue.body));
        Ok(markers.map(|marker| marker.told).any(|told| passed < told))
    }

    /// The open issue of the lowest number with a workflow's marker, as the repository lists them now.
    async fn first_open(
        &self,
        which: Which,
        repository: &str,
        report: &mut MonitorReport,
    ) -> PortResult<Option<IssueRef>> {
        let lookup = IssueLookup {
            owner: self.monitor.settings.owner.clone(),
            listed: BTreeSet::from([repository.to_owned()]),
            ..IssueLookup::default()
        };
        let (found, spent) = self.monitor.host.issues(&lookup).await?;
        report.spent(spent);
        if let Some(gap) = found.gap_of(repository) {
            let message = format!("the issues of {repository} are not known: {gap}");
            return Err(PortError::new(PortErrorKind::Unavailable, message));
        }
        let open = |issue: &&Issue| {
            issue.ours
                && issue.standing == IssueStanding::Open
                && issue.repository.eq_ignore_ascii_case(repository)
                && marked(issue, which)
        };
        let first = found.issues.iter().filter(open).min_by_key(|issue| issue.number);
        Ok(first.map(Issue::place))
    }

    /// Keeps what was learnt of a repository.
    pub(super) async fn keep(&mut self, repository: RepositoryId, watches: &Watches) -> PortResult<()> {
        let owner = &self.monitor.settings.owner;
        keeping::save_watches(&*self.monitor.store, owner, watches, [repository]).await?;
        self.changed.remove(&repository);
        Ok(())
    }

    /// Keeps what was learnt of the others.
    pub(super) async fn keep_the_rest(self, watches: &Watches) -> PortResult<()> {
        if !self.keeps {
            return Ok(());
        }
        let owner = &self.monitor.settings.owner;
        keeping::save_watches(&*self.monitor.store, owner, watches, self.changed).await
    }
}

/// An issue, as people write it.
fn shown(issue: &IssueRef) -> String {
    format!("{}#{}", issue.repository, issue.number)
}

fn place(repository: &str, number: u64) -> IssueRef {
    IssueRef {
        repository: repository.to_owned(),
        number,
    }
}

fn marked(issue: &Issue, (repository, workflow): Which) -> bool {
    Marker::find(&issue.body).is_some_and(|marker| marker.repository == repository && marker.workflow == workflow)
}
