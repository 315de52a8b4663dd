//! Who asks, and what they may.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{Repository, Visibility};
use super::permission::Permission;

/// What kind of token it is. It decides how GitHub refuses: with a 404 for the first, with a 403 for the
/// others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Classic,
    FineGrained,
    Installation,
}

/// What a token opens.
#[derive(Debug, Clone)]
pub struct Access {
    pub(super) login: String,
    pub(super) kind: Kind,
    pub(super) everywhere: Permission,
    pub(super) of_a_repository: BTreeMap<String, Permission>,
    pub(super) lacks: BTreeSet<String>,
    /// Only what this login owns, for an installation.
    pub(super) account: Option<String>,
    /// Milliseconds since 1970.
    pub(super) expires: Option<i64>,
}

impl Access {
    /// A classic personal token of this person, who has the permission in every repository. What they
    /// may not read is `404 Not Found`, or null in GraphQL.
    pub fn classic(login: &str, everywhere: Permission) -> Self {
        Self {
            login: login.to_owned(),
            kind: Kind::Classic,
            everywhere,
            of_a_repository: BTreeMap::new(),
            lacks: BTreeSet::new(),
            account: None,
            expires: None,
        }
    }

    /// A fine-grained personal token of an administrator. What it lacks is `403 Resource not accessible by
    /// personal access token`, or FORBIDDEN in GraphQL.
    pub fn fine_grained(login: &str) -> Self {
        Self {
            kind: Kind::FineGrained,
            ..Self::classic(login, Permission::Admin)
        }
    }

    /// An installation token of an App: all permissions, `viewerPermission` null. What it lacks is
    /// `403 Resource not accessible by integration`, or FORBIDDEN in GraphQL.
    pub fn installation(app: &str) -> Self {
        Self {
            kind: Kind::Installation,
            ..Self::classic(&format!("{app}[bot]"), Permission::Admin)
        }
    }

    /// Takes a permission away from a fine-grained or installation token, such as `administration`,
    /// `contents`, `issues`, `pull_requests`, `actions`, `secrets` or `vulnerability_alerts`; with
    /// `:write` behind it, only writing.
    #[must_use]
    pub fn without(mut self, permission: &str) -> Self {
        self.lacks.insert(permission.to_owned());
        self
    }

    /// Another permission in one repository, `owner/name`.
    #[must_use]
    pub fn on(mut self, repository: &str, permission: Permission) -> Self {
        self.of_a_repository.insert(repository.to_lowercase(), permission);
        self
    }

    /// The permission in a repository; a public one can be read by all.
    pub(super) fn permission(&self, repository: &Repository) -> Permission {
        let elsewhere = self
            .account
            .as_ref()
            .is_some_and(|account| !account.eq_ignore_ascii_case(&repository.owner));
        let given = if elsewhere {
            Permission::None
        } else {
            let own = self.of_a_repository.get(&repository.full_name().to_lowercase());
            own.copied().unwrap_or(self.everywhere)
        };
        match repository.visibility {
            Visibility::Public => given.max(Permission::Read),
            Visibility::Private | Visibility::Internal => given,
        }
    }

    /// Whether it is an App's.
    pub(super) fn is_installation(&self) -> bool {
        self.kind == Kind::Installation
    }

    pub(super) fn sees(&self, repository: &Repository) -> bool {
        self.permission(repository) >= Permission::Read
    }

    /// Whether it may, by what the person may and by what the token was given.
    pub(super) fn may(&self, repository: &Repository, least: Permission, grant: &str, write: bool) -> bool {
        self.permission(repository) >= least && self.has(grant, write)
    }

    /// Whether the token was given this permission.
    pub(super) fn has(&self, grant: &str, write: bool) -> bool {
        let writing = write && self.lacks.contains(&format!("{grant}:write"));
        self.kind == Kind::Classic || !(self.lacks.contains(grant) || writing)
    }

    /// How GitHub puts it that a token of this kind may not.
    pub(super) fn inaccessible(&self) -> &'static str {
        match self.kind {
            Kind::Classic => "Not Found",
            Kind::FineGrained => "Resource not accessible by personal access token",
            Kind::Installation => "Resource not accessible by integration",
        }
    }
}
