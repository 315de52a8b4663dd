//! Doing what was decided, so that one issue comes of it whoever else does the same.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Action, ActionTaken, CloseReason, Issue, IssueRef, IssueStanding, Memory, Subject};
use crate::ports::{ApiUsage, CodeHost, IssueLookup};
use cc_devops_kernel::acts::{Author, ExternalAct};
use cc_devops_kernel::audit::actions;
use cc_devops_kernel::ports::{AuditTrail, Clock, PortError, PortErrorKind, PortResult};

/// What became of a decision.
pub(crate) enum Done {
    /// It was done, or somebody else had done it; what was done first.
    Taken(Option<ActionTaken>),
    /// What was decided is not true any more. Nothing more was done.
    Outdated,
}

/// Writes issues, with each act on record.
#[derive(Clone, Copy)]
pub(crate) struct Acting<'m> {
    pub(crate) host: &'m dyn CodeHost,
    pub(crate) audit: &'m dyn AuditTrail,
    pub(crate) clock: &'m dyn Clock,
    /// The owner of the repositories.
    pub(crate) owner: &'m str,
    /// Who is behind it.
    pub(crate) author: &'m Author,
}

impl<'m> Acting<'m> {
    /// Carries actions out. `memory` learns where a new issue is; the reading that it took is counted in `spent`.
    ///
    /// # Errors
    /// A port that failed; the actions behind it were not begun.
    pub(crate) async fn carry_out<S: Subject>(
        &self,
        subject: S,
        actions: &[Action<S::LastTold>],
        memory: &mut Memory<S::LastTold>,
        spent: &mut ApiUsage,
    ) -> PortResult<Done> {
        let mut first = None;
        for (place, action) in actions.iter().enumerate() {
            match self.act(subject, action, memory, spent).await? {
                // Those behind the first close duplicates.
                Done::Taken(taken) if place == 0 => first = taken,
                Done::Taken(_) => {}
                Done::Outdated => return Ok(Done::Outdated),
            }
        }
        Ok(Done::Taken(first))
    }

    async fn act<S: Subject>(
        &self,
        subject: S,
        action: &Action<S::LastTold>,
        memory: &mut Memory<S::LastTold>,
        spent: &mut ApiUsage,
    ) -> PortResult<Done> {
        match action {
            Action::Create {
                repository,
                title,
                body,
                labels,
            } => {
                // Somebody else may have written it since the issues were read.
                if let Some(first) = self.first_open(subject, repository, spent).await? {
                    memory.created(first);
                    return Ok(Done::Taken(None));
                }
                let doing = self.host.create_issue(repository, title, body, labels);
                let act = self.on_record(actions::ISSUE_CREATED, subject, repository.to_owned(), json!({}));
                let created = act.done(self.records(), doing, |created| Some(shown(created))).await?;
                // Two that looked at the same moment both write; the lowest number stays.
                let first = self.first_open(subject, repository, spent).await?;
                match first {
                    Some(first) if !first.same(&created) => {
                        let comment = subject.duplicate(Some(first.number));
                        self.close(subject, &created, CloseReason::Duplicate, Some(&comment))
                            .await?;
                        memory.created(first);
                        Ok(Done::Taken(None))
                    }
                    _ => {
                        memory.created(created);
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
                let doing = self.host.update_issue(&issue, body);
                let act = self.on_record(actions::ISSUE_UPDATED, subject, shown(&issue), json!({}));
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
                    && self.tells_of_later(subject, &issue, *passed, spent).await?
                {
                    return Ok(Done::Outdated);
                }
                self.close(subject, &issue, *reason, comment.as_deref()).await?;
                Ok(Done::Taken(Some(ActionTaken::IssueClosed)))
            }
        }
    }

    async fn close<S: Subject>(
        &self,
        subject: S,
        issue: &IssueRef,
        reason: CloseReason,
        comment: Option<&str>,
    ) -> PortResult<()> {
        let doing = self.host.close_issue(issue, reason, comment);
        let act = self.on_record(actions::ISSUE_CLOSED, subject, shown(issue), json!({"reason": reason}));
        act.done(self.records(), doing, |()| None).await
    }

    fn records(&self) -> (&'m dyn AuditTrail, &'m dyn Clock) {
        (self.audit, self.clock)
    }

    /// Something that is done to an issue about a subject.
    fn on_record<S: Subject>(
        &self,
        done: &'static str,
        subject: S,
        resource: String,
        mut detail: Value,
    ) -> ExternalAct<'m> {
        if let Value::Object(fields) = &mut detail {
            fields.insert("act".to_owned(), json!(done));
            fields.extend(subject.record());
        }
        ExternalAct {
            begun: actions::ISSUE_BEGUN,
            done,
            resource,
            detail,
            author: self.author,
        }
    }

    /// Whether an issue tells by now of something after what it is closed for: somebody else looked later than we did.
    async fn tells_of_later<S: Subject>(
        &self,
        subject: S,
        issue: &IssueRef,
        passed: S::LastTold,
        spent: &mut ApiUsage,
    ) -> PortResult<bool> {
        let lookup = IssueLookup {
            kept: BTreeSet::from([issue.clone()]),
            ..self.lookup(subject)
        };
        let found = self.look_up(&lookup, &issue.repository, spent).await?;
        let mut told = found.iter().filter_map(|issue| subject.told(&issue.body));
        Ok(told.any(|told| passed < told))
    }

    /// The open issue of the lowest number with a subject's mark, as the repository lists them now.
    async fn first_open<S: Subject>(
        &self,
        subject: S,
        repository: &str,
        spent: &mut ApiUsage,
    ) -> PortResult<Option<IssueRef>> {
        let lookup = IssueLookup {
            listed: BTreeSet::from([repository.to_owned()]),
            ..self.lookup(subject)
        };
        let found = self.look_up(&lookup, repository, spent).await?;
        let open = |issue: &&Issue| {
            issue.ours
                && issue.standing == IssueStanding::Open
                && issue.repository.eq_ignore_ascii_case(repository)
                && subject.told(&issue.body).is_some()
        };
        let first = found.iter().filter(open).min_by_key(|issue| issue.number);
        Ok(first.map(Issue::place))
    }

    fn lookup<S: Subject>(&self, subject: S) -> IssueLookup {
        IssueLookup {
            owner: self.owner.to_owned(),
            ..IssueLookup::of(subject.marks())
        }
    }

    async fn look_up(&self, lookup: &IssueLookup, repository: &str, spent: &mut ApiUsage) -> PortResult<Vec<Issue>> {
        let (found, took) = self.host.issues(lookup).await?;
        *spent = spent.and(took);
        if let Some(gap) = found.gap_of(repository) {
            let message = format!("the issues of {repository} are not known: {gap}");
            return Err(PortError::new(PortErrorKind::Unavailable, message));
        }
        Ok(found.issues)
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
