//! Issues that the control plane keeps about what is wrong.
//!
//! For each [`Subject`] there is one and only one: written when something is wrong, brought up to date, closed when it
//! is right. An issue is found again by a hidden mark in its body ([`marks`]), so that a crash or a second process makes
//! no second one. One that a person closed is respected. [`life`] decides what is to be done, [`acting`] does it; what is
//! wrong, and what the issue says, is the subject's.

pub(crate) mod acting;
pub mod breaches;
pub(crate) mod by_subject;
pub(crate) mod life;
pub mod marks;
pub(crate) mod text;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What an issue is about.
pub(crate) trait Subject: Copy + Ord + Send + Sync {
    /// What of it an issue tells. What is told later is greater.
    type LastTold: Copy + Ord + Send + Sync;

    /// What an issue with this body tells of it; `None` if it is about something else.
    fn told(&self, body: &str) -> Option<Self::LastTold>;

    /// Every subject that an issue with this body tells something of.
    fn told_by(body: &str) -> Vec<Self>;

    /// The marks of issues about such subjects.
    fn marks(&self) -> marks::Marks;

    /// It on record.
    fn record(&self) -> Map<String, Value>;

    /// What is written when an issue is closed because another is about the same.
    fn duplicate(&self, number: Option<u64>) -> String;
}

/// An issue that the control plane wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issue {
    /// Where it is: `owner/name`.
    pub repository: String,
    /// Its number there.
    pub number: u64,
    /// Whether it counts, for anybody can copy a marker: the account that asks wrote it, one that this installation
    /// asked as before, or somebody who may write to the repository.
    pub ours: bool,
    /// How it stands.
    pub standing: IssueStanding,
    /// Whether its conversation is locked. No comment is then written.
    #[serde(default)]
    pub locked: bool,
    /// Its body.
    pub body: String,
}

/// How an issue stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IssueStanding {
    /// Open.
    Open,
    /// Closed.
    Closed {
        /// Whether the account that asks closed it.
        by_us: bool,
        /// Whether it was closed as a duplicate of another.
        #[serde(default)]
        duplicate: bool,
        /// When.
        at: Timestamp,
    },
    /// In another repository now. A person decided so, and looks after it there.
    Transferred,
    /// Deleted by a person.
    Deleted,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action<T> {
    /// Write a new issue. Look its marker up once more before.
    Create {
        /// Where: `owner/name`.
        repository: String,
        /// The title.
        title: String,
        /// The body, with the marker.
        body: String,
        /// Labels.
        labels: Vec<String>,
    },
    /// Replace the body. Title and labels belong to people.
    Update {
        /// Where: `owner/name`.
        repository: String,
        /// Which.
        number: u64,
        /// The new body, with what people wrote around ours.
        body: String,
    },
    /// Close an issue.
    Close {
        /// Where: `owner/name`.
        repository: String,
        /// Which.
        number: u64,
        /// Why, as GitHub's `state_reason`.
        reason: CloseReason,
        /// What to write before; `None` in a locked conversation.
        comment: Option<String>,
        /// What it is closed for. If the issue tells of something later by then, it stays open.
        #[serde(skip)]
        passed: Option<T>,
    },
}

/// Why an issue is closed. Source: <https://docs.github.com/en/rest/issues/issues#update-an-issue>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
    /// It is right again.
    Completed,
    /// What it was about is gone.
    NotPlanned,
    /// There is another issue about it.
    Duplicate,
}

/// What was done about an issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionTaken {
    /// A new one was written.
    IssueCreated,
    /// It was brought up to date.
    IssueUpdated,
    /// It was closed.
    IssueClosed,
}

impl<T> From<&Action<T>> for ActionTaken {
    fn from(action: &Action<T>) -> Self {
        match action {
            Action::Create { .. } => Self::IssueCreated,
            Action::Update { .. } => Self::IssueUpdated,
            Action::Close { .. } => Self::IssueClosed,
        }
    }
}

/// Where an issue is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct IssueRef {
    /// The repository, `owner/name`.
    pub repository: String,
    /// Its number there.
    pub number: u64,
}

impl IssueRef {
    /// Whether this is the issue's place. Names of repositories differ in case at times.
    pub fn is(&self, issue: &Issue) -> bool {
        self.same(&issue.place())
    }

    /// Whether both are the same place.
    pub fn same(&self, other: &Self) -> bool {
        self.number == other.number && self.repository.eq_ignore_ascii_case(&other.repository)
    }
}

impl Issue {
    /// Where it is.
    pub fn place(&self) -> IssueRef {
        IssueRef {
            repository: self.repository.clone(),
            number: self.number,
        }
    }
}

/// What is kept of a subject's issue between two looks. Without it the marker still tells enough.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
pub struct Memory<T> {
    /// The issue, once it is known.
    #[serde(default)]
    pub issue: Option<IssueRef>,
    /// The last thing an issue told of.
    #[serde(default)]
    pub told: Option<T>,
    /// What an issue told of when it was closed. If that issue is open again, a person opened it.
    #[serde(default)]
    pub closed: Option<T>,
}

impl<T> Default for Memory<T> {
    fn default() -> Self {
        Self {
            issue: None,
            told: None,
            closed: None,
        }
    }
}

impl<T> Memory<T> {
    /// Whether there is something to look up about it.
    pub fn is_open(&self) -> bool {
        self.issue.is_some() || self.told.is_some()
    }

    /// Keeps where an issue was written, once it was.
    pub fn created(&mut self, issue: IssueRef) {
        self.issue = Some(issue);
    }
}

/// Where issues about a repository are written; none if nowhere.
pub(crate) fn target(issues_enabled: bool, full_name: &str, fallback: Option<&String>) -> Option<String> {
    if issues_enabled {
        Some(full_name.to_owned())
    } else {
        fallback.cloned()
    }
}
