//! Classic branch protection.

/// One rule of classic branch protection. Where several match a branch, one counts: the one that is its
/// very name, else the oldest.
/// <https://docs.github.com/en/repositories/configuring-branches-and-merges-in-your-repository/managing-protected-branches/about-protected-branches>
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "GitHub has them")]
pub struct Protection {
    pub(crate) id: u64,
    /// Which branches: fnmatch, or a name.
    pub pattern: String,
    /// What pull requests need; `None` requires none.
    pub reviews: Option<Reviews>,
    /// Which checks must pass; `None` requires none.
    pub checks: Option<Checks>,
    /// Whether administrators are bound too.
    pub enforce_admins: bool,
    /// Only these may push; `None` restricts nobody.
    pub restrictions: Option<Actors>,
    /// No merge commits.
    pub linear_history: bool,
    /// Whether anybody may force a push.
    pub allow_force_pushes: bool,
    /// Whether the branch may be deleted.
    pub allow_deletions: bool,
    /// Whether the restrictions hold for new branches too.
    pub block_creations: bool,
    /// Conversations must be resolved.
    pub conversation_resolution: bool,
    /// The branch is read-only.
    pub lock_branch: bool,
    /// A locked branch may be synchronised from upstream.
    pub allow_fork_syncing: bool,
    /// Commits must be signed.
    pub signatures: bool,
}

/// What a pull request needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reviews {
    /// How many must approve, 0 to 6.
    pub count: u32,
    /// A push takes approvals away.
    pub dismiss_stale: bool,
    /// An owner of the code must approve.
    pub code_owners: bool,
    /// Somebody else than the last who pushed must approve.
    pub last_push: bool,
    /// Only these may dismiss; `None` restricts nobody.
    pub dismissal: Option<Actors>,
    /// These need no pull request.
    pub bypass: Option<Actors>,
}

/// Which checks must pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checks {
    /// The branch must be up to date.
    pub strict: bool,
    /// The contexts, each with the App that must report it, if one must.
    pub contexts: Vec<(String, Option<i64>)>,
}

/// People, teams and Apps, by login and slug.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Actors {
    /// Logins.
    pub users: Vec<String>,
    /// Slugs of teams.
    pub teams: Vec<String>,
    /// Slugs of Apps.
    pub apps: Vec<String>,
}

impl Protection {
    /// A rule that requires nothing but forbids to force a push and to delete.
    pub fn of(pattern: &str) -> Self {
        Self {
            pattern: pattern.to_owned(),
            ..Self::default()
        }
    }

    /// Requires pull requests with so many approvals.
    #[must_use]
    pub fn reviews(mut self, count: u32) -> Self {
        self.reviews = Some(Reviews {
            count,
            ..self.reviews.unwrap_or_default()
        });
        self
    }

    /// Requires these checks, from any App.
    #[must_use]
    pub fn checks(mut self, contexts: &[&str]) -> Self {
        let contexts = contexts.iter().map(|&context| (context.to_owned(), None)).collect();
        self.checks = Some(Checks {
            strict: false,
            contexts,
        });
        self
    }

    /// Binds administrators too.
    #[must_use]
    pub fn enforce_admins(mut self) -> Self {
        self.enforce_admins = true;
        self
    }
}
