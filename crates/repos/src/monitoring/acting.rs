//! What was decided about workflows, done and kept.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Ask, Monitor, MonitorReport, WatchedWorkflow};
use crate::issues::acting::{Acting as Writing, Done};
use crate::issues::by_subject::IssuesBySubject;
use crate::issues::{self, Issue};
use crate::keeping;
use crate::ports::{ApiUsage, FoundIssues};
use crate::snapshot::{Fact, Repository, RepositoryId, WorkflowId};
use crate::workflows::{Decision, HealthName, Watch, Watched, Watches};
use cc_devops_kernel::acts::Author;
use cc_devops_kernel::health::Mode;
use cc_devops_kernel::ports::PortResult;

pub(super) struct Acting<'m> {
    monitor: &'m Monitor,
    issues: Fact<IssuesBySubject<'m, Watched>>,
    /// The workflows of each repository that open issues of ours tell of.
    told_of: BTreeMap<RepositoryId, Vec<WorkflowId>>,
    author: &'m Author,
    mode: Mode,
    /// Whether what was learnt is kept.
    keeps: bool,
    /// Repositories whose watches changed and are not kept yet.
    changed: BTreeSet<RepositoryId>,
}

impl<'m> Acting<'m> {
    pub(super) fn new(monitor: &'m Monitor, issues: &'m Fact<FoundIssues>, ask: &'m Ask, mode: Mode) -> Self {
        let issues: Fact<IssuesBySubject<'m, Watched>> = issues.as_ref().map(IssuesBySubject::of);
        let mut told_of: BTreeMap<RepositoryId, Vec<WorkflowId>> = BTreeMap::new();
        for told in issues.known().map(IssuesBySubject::told_of).unwrap_or_default() {
            told_of.entry(told.repository).or_default().push(told.workflow);
        }
        Self {
            monitor,
            issues,
            told_of,
            author: &ask.author,
            mode,
            keeps: !ask.dry_run,
            changed: BTreeSet::new(),
        }
    }

    pub(super) fn mode(&self) -> Mode {
        self.mode
    }

    /// The workflows of a repository that issues tell of.
    pub(super) fn told_of(&self, repository: RepositoryId) -> &[WorkflowId] {
        self.told_of.get(&repository).map(Vec::as_slice).unwrap_or_default()
    }

    /// The issues about a workflow.
    pub(super) fn about(
        &self,
        watched: Watched,
        repository: &Repository,
        fallback: Option<&String>,
        all: &Watches,
    ) -> Fact<Vec<Issue>> {
        let found = match &self.issues {
            Fact::Known(found) => found,
            Fact::Unknown(gap) => return Fact::Unknown(gap.clone()),
            Fact::Unavailable(why) => return Fact::Unavailable(why.clone()),
        };
        let name = repository.full_name();
        let target = issues::target(repository.issues_enabled, &name, fallback);
        let kept = all.of(watched.repository, watched.workflow);
        let kept = kept.and_then(|watch| watch.memory.issue.as_ref());
        found.about(watched, target.as_deref(), &name, kept)
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

    /// Carries a decision out. What is learnt of its issue is kept only if everything succeeded.
    pub(super) async fn carry_out(
        &mut self,
        which: Watched,
        decision: Decision,
        watches: &mut Watches,
        report: &mut MonitorReport,
    ) -> WatchedWorkflow {
        let Decision {
            actions,
            withheld,
            mut watch,
            report: told,
            ..
        } = decision;
        let mut told = WatchedWorkflow {
            report: told,
            withheld,
            error: None,
        };
        let writing = Writing {
            host: &*self.monitor.host,
            audit: &*self.monitor.audit,
            clock: &*self.monitor.clock,
            owner: &self.monitor.settings.owner,
            author: self.author,
        };
        let mut spent = ApiUsage::default();
        // What was seen is true whatever becomes of the issue.
        let seen = Watch {
            memory: watches
                .of(which.repository, which.workflow)
                .map(|kept| kept.memory.clone())
                .unwrap_or_default(),
            ..watch.clone()
        };
        let done = writing.carry_out(which, &actions, &mut watch.memory, &mut spent).await;
        report.spent(spent);
        match done {
            Ok(Done::Taken(_)) if actions.is_empty() => {}
            Ok(Done::Taken(taken)) => told.report.action_taken = taken,
            Ok(Done::Outdated) => {
                "it failed again after this look began".clone_into(&mut told.report.why);
                told.report.action_taken = None;
                self.learn_but_not_forget(which, seen, told.report.health, watches);
                return told;
            }
            Err(error) => {
                tracing::warn!(%error, repository = told.report.repository, "an issue was not written");
                told.error = Some(error.message);
                told.report.action_taken = None;
                self.learn_but_not_forget(which, seen, told.report.health, watches);
                return told;
            }
        }
        told.report.issue.clone_from(&watch.memory.issue);
        if told.withheld.is_empty() {
            self.learn(which, watch, told.report.health, watches);
        } else {
            self.learn_but_not_forget(which, seen, told.report.health, watches);
        }
        told
    }

    /// Keeps what was seen, where nothing was done about the issue: that of a workflow that is gone is still to be closed.
    fn learn_but_not_forget(&mut self, which: Watched, seen: Watch, health: HealthName, watches: &mut Watches) {
        if health != HealthName::Gone {
            self.learn(which, seen, health, watches);
        }
    }

    /// Keeps what was learnt, in memory. What plainly works and was never told of is not worth it.
    fn learn(&mut self, which: Watched, watch: Watch, health: HealthName, watches: &mut Watches) {
        let Watched { repository, workflow } = which;
        let told = watch.memory.is_open() || watch.memory.closed.is_some();
        let worth = told || watch.failing_since.is_some() || watch.condition.is_some();
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

    /// Keeps what was learnt of a repository.
    pub(super) async fn keep(&mut self, repository: RepositoryId, watches: &Watches) -> PortResult<()> {
        let owner = &self.monitor.settings.owner;
        keeping::save(&*self.monitor.store, owner, &watches.repositories, [repository]).await?;
        self.changed.remove(&repository);
        Ok(())
    }

    /// Keeps what was learnt of the others.
    pub(super) async fn keep_the_rest(self, watches: &Watches) -> PortResult<()> {
        if !self.keeps {
            return Ok(());
        }
        let owner = &self.monitor.settings.owner;
        keeping::save(&*self.monitor.store, owner, &watches.repositories, self.changed).await
    }
}
