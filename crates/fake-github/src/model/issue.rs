//! Issues and pull requests, and what a person does with them.

/// An issue, or a pull request if `pull` is there.
#[derive(Debug, Clone)]
pub struct Issue {
    pub(crate) id: u64,
    /// Its number in the repository.
    pub number: u64,
    /// Its title.
    pub title: String,
    /// Its text.
    pub body: Option<String>,
    /// Whether it is open.
    pub open: bool,
    /// Why it is not: `completed`, `not_planned`, `duplicate`; or `reopened`.
    pub reason: Option<String>,
    /// The names of its labels.
    pub labels: Vec<String>,
    /// Who is to do it, by login.
    pub assignees: Vec<String>,
    /// Who wrote it, by login.
    pub author: String,
    /// Whether only collaborators may comment.
    pub locked: bool,
    /// In the order they were made.
    pub comments: Vec<Comment>,
    /// Seconds since 1970.
    pub created: i64,
    /// Seconds since 1970.
    pub updated: i64,
    /// Seconds since 1970.
    pub closed: Option<i64>,
    /// Who closed it, by login.
    pub closed_by: Option<String>,
    /// What makes it a pull request.
    pub pull: Option<Pull>,
    pub(crate) gone: Option<Gone>,
}

/// Where an issue went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Gone {
    Deleted,
    /// The id of the repository, the number there.
    Transferred(u64, u64),
}

/// What a pull request has more than an issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pull {
    /// The branch with the changes.
    pub head: String,
    /// The branch they are for.
    pub base: String,
    /// Whether it is not ready.
    pub draft: bool,
    /// The commit of the merge.
    pub merged: Option<String>,
}

/// A comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    pub(crate) id: u64,
    /// Who wrote it, by login.
    pub author: String,
    /// Its text.
    pub body: String,
    /// Seconds since 1970.
    pub created: i64,
}

/// A label of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    pub(crate) id: u64,
    /// What it is called.
    pub name: String,
    /// Six hexadecimal digits.
    pub color: String,
    /// What it means.
    pub description: Option<String>,
}

impl Issue {
    pub(crate) fn new(id: u64, number: u64, title: &str, author: &str, now: i64) -> Self {
        Self {
            id,
            number,
            title: title.to_owned(),
            body: None,
            open: true,
            reason: None,
            labels: Vec::new(),
            assignees: Vec::new(),
            author: author.to_owned(),
            locked: false,
            comments: Vec::new(),
            created: now,
            updated: now,
            closed: None,
            closed_by: None,
            pull: None,
            gone: None,
        }
    }

    /// Opens or closes it.
    pub(crate) fn set_open(&mut self, open: bool, reason: Option<&str>, by: &str, now: i64) {
        self.updated = now;
        if open {
            if !self.open {
                self.reason = Some("reopened".to_owned());
            }
            self.closed = None;
            self.closed_by = None;
        } else {
            self.reason = self.pull.is_none().then(|| reason.unwrap_or("completed").to_owned());
            self.closed = self.closed.or(Some(now));
            self.closed_by = Some(by.to_owned());
        }
        self.open = open;
    }
}
