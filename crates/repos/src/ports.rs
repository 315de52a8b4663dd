//! Where repositories are hosted, and what is kept of them between two looks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::Value;

use crate::fix::ChangeKind;
use crate::issues::marks::Marks;
use crate::issues::{CloseReason, Issue, IssueRef};
use crate::settings::{SettingsAsked, TakeSettings};
use crate::snapshot::{Fact, Gap, Organization, Repository, WorkflowId};
use crate::work::RepositoryWork;
use cc_devops_alerts::ConditionSink;
use cc_devops_kernel::acts::Author;
use cc_devops_kernel::names::RequestId;
use cc_devops_kernel::outcome::Failure;
use cc_devops_kernel::ports::{Announcements, AuditTrail, Clock, MaintenanceMode, PortResult};
use cc_devops_kernel::secret::SecretValue;
use cc_devops_kernel::work::{Claim, Progress, WorkHandle};

/// What audits, the monitor and remedies work with beside the code host.
#[derive(Clone)]
pub struct RepositoryPorts {
    /// What is kept of repositories.
    pub repositories: Arc<dyn RepositoryStore>,
    /// The audit trail.
    pub audit: Arc<dyn AuditTrail>,
    /// Where news is put.
    pub announcements: Arc<dyn Announcements>,
    /// Where it is said what needs a person.
    pub conditions: Arc<dyn ConditionSink>,
    /// Whether nothing is to be done unasked.
    pub maintenance: Arc<dyn MaintenanceMode>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

pub use crate::handed_over::{Begun, HandedOver, WorkOutcome, WorkRecord};

/// What of a repository is wanted.
#[derive(Debug, Clone, Copy)]
pub enum Depth<'a> {
    /// What an audit looks at: protection, dependencies, whether workflows run. No runs.
    Settings,
    /// What the workflow monitor looks at: workflows with their runs. Nothing else.
    Runs {
        /// Workflows whose runs are read attempt by attempt, even if they seem to work: those with an
        /// issue. The others are, if they seem to fail.
        closely: &'a BTreeSet<WorkflowId>,
    },
}

/// What a reading comes upon.
#[derive(Debug)]
pub enum Found {
    /// How many repositories there are. Comes first, if it is known.
    Total(u64),
    /// The organisation that owns the repositories, where a rule is about it. Comes before them.
    Organization(Box<Organization>),
    /// A repository.
    Repository(Box<Repository>),
    /// One that is there and could not be read.
    Missing {
        /// Its name, without the owner.
        name: String,
        /// Why, as a fragment.
        why: String,
    },
    /// The listing ended early: there may be more.
    BrokeOff {
        /// Why, as a fragment.
        why: String,
    },
}

/// Takes what is found, as it comes.
pub type TakeFound<'t> = dyn FnMut(Found) + Send + 't;

/// What a reading took of the host's limits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ApiUsage {
    /// Requests, tries after a failure included.
    pub requests: u64,
    /// Points of the GraphQL limit.
    pub points: u64,
}

impl ApiUsage {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            requests: self.requests.saturating_add(other.requests),
            points: self.points.saturating_add(other.points),
        }
    }
}

/// Which issues are wanted.
#[derive(Debug, Clone)]
pub struct IssueLookup {
    /// The marks of the kind that is wanted.
    pub marks: Marks,
    /// The owner.
    pub owner: String,
    /// Whether open issues are searched for in all of the owner's repositories.
    pub searched: bool,
    /// Repositories, `owner/name`, whose newest issues are listed. A listing shows an issue at once, a
    /// search only after a while.
    pub listed: BTreeSet<String>,
    /// Issues that were kept.
    pub kept: BTreeSet<IssueRef>,
}

impl IssueLookup {
    /// A lookup of issues with these marks, and as yet of none.
    pub fn of(marks: Marks) -> Self {
        Self {
            marks,
            owner: String::new(),
            searched: false,
            listed: BTreeSet::new(),
            kept: BTreeSet::new(),
        }
    }
}

/// Issues that were looked up.
#[derive(Debug, Clone, Default)]
pub struct FoundIssues {
    /// The issues.
    pub issues: Vec<Issue>,
    /// Repositories, `owner/name`, of which some issue could not be read, and why.
    pub unread: BTreeMap<String, Gap>,
}

impl FoundIssues {
    /// Why some issue of a repository could not be read. Names of repositories differ in case at times.
    pub fn gap_of(&self, repository: &str) -> Option<&Gap> {
        let mut unread = self.unread.iter();
        unread.find_map(|(name, gap)| name.eq_ignore_ascii_case(repository).then_some(gap))
    }
}

/// Where repositories are hosted.
#[async_trait]
pub trait CodeHost: Send + Sync {
    /// Hands over every repository of an owner, each once, in no order that means anything.
    ///
    /// # Errors
    /// What made it impossible to begin: no such owner (`NotFound`), no or a wrong credential (`Key`). What
    /// goes wrong later is handed over.
    async fn repositories(&self, owner: &str, depth: Depth<'_>, take: &mut TakeFound<'_>) -> PortResult<ApiUsage>;

    /// One repository, `owner/name`: the same facts as among all, and what a plan must know besides: who is named
    /// in classic protection, the rulesets that are not in force, whether updates are paused. An older name finds
    /// it too.
    /// `NotFound` where there is none that the credential may see.
    async fn repository(&self, full_name: &str, depth: Depth<'_>) -> PortResult<(Box<Repository>, ApiUsage)>;

    /// The issues with the marks that are looked for: open ones where they are searched for, and closed ones
    /// too where a repository is listed. A kept one that is gone stands as transferred or deleted.
    async fn issues(&self, lookup: &IssueLookup) -> PortResult<(FoundIssues, ApiUsage)>;

    /// Writes an issue into `owner/name`.
    async fn create_issue(&self, repository: &str, title: &str, body: &str, labels: &[String]) -> PortResult<IssueRef>;

    /// Replaces an issue's body.
    async fn update_issue(&self, issue: &IssueRef, body: &str) -> PortResult<()>;

    /// Closes an issue, after writing a comment. One that is closed already stays as it is.
    async fn close_issue(&self, issue: &IssueRef, reason: CloseReason, comment: Option<&str>) -> PortResult<()>;

    /// Hands over the settings of repositories, as far as they are asked for, each repository once.
    ///
    /// # Errors
    /// As [`CodeHost::repositories`]; `NotFound` for a named repository that is not there.
    async fn settings(&self, asked: &SettingsAsked<'_>, take: &mut TakeSettings<'_>) -> PortResult<ApiUsage>;

    /// Carries out a planned change in `owner/name`. Returns what came of it: a sentence with a link where
    /// there is one. `Superseded` where the repository changed since the plan was made.
    async fn change(&self, repository: &str, change: &ChangeKind) -> PortResult<String>;

    /// Who may write to `owner/name`, by login: all of them, or the first two that come.
    async fn writers(&self, repository: &str) -> PortResult<Fact<Vec<String>>>;

    /// Sets a secret of `owner/name` for its workflows.
    async fn put_actions_secret(&self, repository: &str, name: &str, value: &SecretValue) -> PortResult<()>;
}

/// What the code host tells of its own accord.
#[async_trait]
pub trait CodeHostNotices: Send + Sync {
    /// The HTTP header that holds the signature, in lower case.
    fn signature_header(&self) -> &'static str;

    /// Whether a notice of this kind is worth its body; any other changes nothing, whoever sent it.
    fn wants(&self, kind: &str) -> bool;

    /// What can be said of a signature before the body is there: `Refused` where it cannot be the
    /// code host's, whatever the body is.
    fn admits(&self, signature: Option<&str>) -> PortResult<()>;

    /// The repository, `owner/name`, whose workflow ended a run, if that is what a notice of this kind
    /// tells. `Refused` where it is not proven to be the code host's; `NotFound` where the signing secret is
    /// not there.
    async fn workflow_ended(&self, kind: &str, signature: Option<&str>, body: &[u8]) -> PortResult<Option<String>>;
}

/// Who looks after repositories when a request asks for it: this process, or another that may use the code
/// host's credential.
#[async_trait]
pub trait RepositoryWorker: Send + Sync {
    /// Does the work; what it changes is on record with its author. What a request is answered with, or why it
    /// is refused; an `Err` is tried again if it is transient. `Stopped` where the handle said so: everything
    /// begun before is whole, and the same work goes on from there.
    async fn carry_out(
        &self,
        work: &RepositoryWork,
        author: &Author,
        handle: &WorkHandle,
    ) -> PortResult<Result<Value, Failure>>;

    /// Hands the work of a claimed request over to whoever does it elsewhere; a repeat changes nothing. False
    /// where it is done by [`RepositoryWorker::carry_out`], in the process that holds the claim.
    async fn hand_over(&self, _claim: &Claim, _work: &RepositoryWork, _author: &Author) -> PortResult<bool> {
        Ok(false)
    }

    /// How work stands that was handed over.
    async fn standing(&self, _request: &RequestId, _now: Timestamp) -> PortResult<WorkStatus> {
        Ok(WorkStatus::Unknown)
    }
}

/// How work stands that is done elsewhere.
#[derive(Debug, Clone, PartialEq)]
pub enum WorkStatus {
    /// It goes on, or has not begun.
    GoesOn(Option<Progress>),
    /// It ended: what the request is answered with, or why it is refused.
    Ended(Result<Value, Failure>),
    /// Nothing is known of it.
    Unknown,
}

/// What is kept of repositories, by what uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DocumentKind {
    /// Open breaches, for the next audit.
    Breaches,
    /// What the workflow monitor knows of failing workflows.
    Watches,
    /// Which workflows a repository has and what their runs came to, so that they need not be read again.
    Workflows,
    /// What is known of the issues about breaches.
    Issues,
    /// The accounts that issues were written as, by login: a later credential takes their issues over.
    Accounts,
    /// The tree of a repository's default branch, so that it is read once for each that was pushed.
    Trees,
    /// The people on the bypass lists of rulesets, by the ruleset's number.
    Rulesets,
    /// What GitHub tells one repository at a time, with the day it was read.
    Posture,
    /// What the last audit saw in each repository, rule by rule.
    Findings,
    /// A line for each repository, some hundred to a document.
    Register,
    /// How the audits of the last 400 days went.
    Audits,
    /// Which secrets of GitHub Actions were set from here, and from which version: no value, and nothing made of one.
    SetSecrets,
}

impl DocumentKind {
    /// Every kind.
    pub const ALL: [Self; 12] = [
        Self::Breaches,
        Self::Watches,
        Self::Workflows,
        Self::Accounts,
        Self::Trees,
        Self::Rulesets,
        Self::Issues,
        Self::Posture,
        Self::SetSecrets,
        Self::Findings,
        Self::Register,
        Self::Audits,
    ];

    /// Its name in storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Breaches => "breaches",
            Self::Watches => "watches",
            Self::Workflows => "workflows",
            Self::Issues => "issues",
            Self::Accounts => "accounts",
            Self::Trees => "trees",
            Self::Rulesets => "rulesets",
            Self::Posture => "posture",
            Self::SetSecrets => "set_secrets",
            Self::Findings => "findings",
            Self::Register => "register",
            Self::Audits => "audits",
        }
    }
}

/// What is kept of an owner's repositories between two looks: JSON documents by a key, a repository's id as
/// a rule. An owner's login is the same in upper and lower case.
#[async_trait]
pub trait RepositoryStore: Send + Sync {
    /// Every document of a kind.
    async fn load(&self, owner: &str, kind: DocumentKind) -> PortResult<BTreeMap<String, Value>>;

    /// One document of a kind, where there is one of this key.
    async fn document(&self, owner: &str, kind: DocumentKind, key: &str) -> PortResult<Option<Value>>;

    /// Writes documents, each in the place of the one of its key; `None` takes it away. A document has at
    /// most 300,000 bytes, or it is `TooLarge`. Not all of them are written where it fails.
    async fn save(&self, owner: &str, kind: DocumentKind, changes: &BTreeMap<String, Option<Value>>) -> PortResult<()>;

    /// Whether what is written is there for the next process. Where it is not, that a document is missing says nothing.
    fn keeps(&self) -> bool {
        true
    }
}
