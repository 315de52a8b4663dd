//! What the fake GitHub holds. Tests build it, change it and read it; REST and GraphQL serve it.

mod actions;
mod bulk;
mod clock;
mod described;
mod git;
mod issue;
mod life;
mod owner;
mod pattern;
mod people;
mod protection;
mod repository;
mod ruleset;
mod security;
mod settings;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

pub use self::actions::{Job, Run, Workflow};
use self::clock::Clock;
pub(super) use self::clock::written;
pub(super) use self::git::{Blob, Commit, Files, Tree};
pub(super) use self::issue::Gone;
pub use self::issue::{Comment, Issue, Label, Pull};
pub use self::owner::{Owner, Plan};
pub use self::protection::{Actors, Checks, Protection, Reviews};
pub use self::repository::{Repository, Visibility};
pub use self::ruleset::{Bypass, Enforcement, Property, Rule, Ruleset, Target};
pub use self::security::{DependabotRun, Hook, OrganizationSecurity, Security};
pub use self::settings::{Branches, Environment, Invitation, RepositorySettings, SelectedActions};

/// What a run's number begins at: beyond 32 bits, as at GitHub.
const FIRST_RUN: u64 = 16_000_000_000;

/// Owners, their repositories, and everything in them.
#[derive(Debug)]
pub struct Model {
    clock: Clock,
    made: u64,
    runs_made: u64,
    owners: BTreeMap<String, Owner>,
    repositories: BTreeMap<u64, Repository>,
    /// `owner/name` in lower case; old names too, as long as nobody else took them.
    names: HashMap<String, u64>,
    /// Which repository a workflow or a run is in.
    homes: HashMap<u64, u64>,
    /// Logins in lower case, with the number of the account and the login as it is written.
    accounts: BTreeMap<String, (u64, String)>,
    /// People who are known, and may do nothing in particular.
    outside: BTreeSet<String>,
}

impl Model {
    /// An empty GitHub at this moment, in Unix seconds. Its clock stands until [`Model::advance`] moves it.
    pub fn at(now: i64) -> Self {
        Self::with(Clock::Still(now * 1000))
    }

    /// An empty GitHub with the machine's clock.
    pub fn now() -> Self {
        Self::with(Clock::Running)
    }

    fn with(clock: Clock) -> Self {
        Self {
            clock,
            made: 1000,
            runs_made: FIRST_RUN,
            owners: BTreeMap::new(),
            repositories: BTreeMap::new(),
            names: HashMap::new(),
            homes: HashMap::new(),
            accounts: BTreeMap::new(),
            outside: BTreeSet::new(),
        }
    }

    /// Moves the clock of a model that was made with [`Model::at`].
    pub fn advance(&mut self, by: Duration) {
        self.clock.advance(by);
    }

    /// Unix seconds.
    pub fn seconds(&self) -> i64 {
        self.millis().div_euclid(1000)
    }

    pub(super) fn millis(&self) -> i64 {
        self.clock.millis()
    }

    pub(super) fn id(&mut self) -> u64 {
        self.made += 1;
        self.made
    }

    /// Adds a repository, public, with issues and with a first commit on `main`, then lets `build` change
    /// it. Its owner is made an organisation if it is not known. Returns its id.
    ///
    /// # Panics
    /// If `name` is not `owner/name` or is taken.
    pub fn repo(&mut self, name: &str, build: impl FnOnce(&mut Repository)) -> u64 {
        let id = self.empty_repo(name, build);
        let repository = self.by_id_mut(id);
        let (branch, now) = (repository.default_branch.clone(), repository.created);
        repository.git.change(
            &branch,
            &[("README.md", Some(b"# A repository\n"))],
            "Initial commit",
            now,
        );
        repository.pushed = Some(now);
        id
    }

    /// Adds a repository that nothing was pushed to.
    ///
    /// # Panics
    /// As [`Model::repo`].
    pub fn empty_repo(&mut self, name: &str, build: impl FnOnce(&mut Repository)) -> u64 {
        let (owner, short) = name.split_once('/').expect("a repository is owner/name");
        if !self.owners.contains_key(&owner.to_lowercase()) {
            self.org(owner);
        }
        let (id, now) = (self.id(), self.seconds());
        let mut repository = Repository::new(id, owner, short, now);
        repository.labels = self.first_labels();
        build(&mut repository);
        let key = name.to_lowercase();
        let taken = self.names.get(&key).and_then(|id| self.repositories.get(id));
        assert!(
            taken.is_none_or(|taken| taken.full_name().to_lowercase() != key),
            "{name} is taken"
        );
        self.names.insert(key, id);
        self.repositories.insert(id, repository);
        id
    }

    /// The repository of this name, an old name too.
    pub fn find(&self, name: &str) -> Option<&Repository> {
        let id = self.names.get(&name.to_lowercase())?;
        self.repositories.get(id)
    }

    /// The repository of this name.
    ///
    /// # Panics
    /// If there is none.
    pub fn get(&self, name: &str) -> &Repository {
        self.find(name)
            .unwrap_or_else(|| panic!("there is no repository {name}"))
    }

    /// Changes a repository.
    ///
    /// # Panics
    /// If there is none of this name.
    pub fn edit(&mut self, name: &str, change: impl FnOnce(&mut Repository)) {
        let now = self.seconds();
        let repository = self.get_mut(name);
        change(repository);
        repository.updated = now;
    }

    /// Takes a repository away, with everything in it.
    ///
    /// # Panics
    /// If there is none of this name.
    pub fn remove(&mut self, name: &str) {
        let id = self.get(name).id;
        self.repositories.remove(&id);
        self.names.retain(|_, each| *each != id);
    }

    /// Renames or transfers a repository, `owner/name` both; the old name leads to the new one.
    ///
    /// # Panics
    /// If there is none of this name.
    pub fn rename_repo(&mut self, from: &str, to: &str) {
        let (owner, short) = to.split_once('/').expect("a repository is owner/name");
        if !self.owners.contains_key(&owner.to_lowercase()) {
            self.org(owner);
        }
        let repository = self.get_mut(from);
        owner.clone_into(&mut repository.owner);
        short.clone_into(&mut repository.name);
        let id = repository.id;
        self.names.insert(to.to_lowercase(), id);
    }

    /// Renames a branch, the default branch too; rules by its very name go with it, as at GitHub.
    ///
    /// # Panics
    /// If there is none of this name.
    pub fn rename_branch(&mut self, name: &str, from: &str, to: &str) {
        let repository = self.get_mut(name);
        let oid = repository.git.branches.remove(from).expect("the branch is there");
        repository.git.branches.insert(to.to_owned(), oid);
        repository.git.moved.insert(from.to_owned(), to.to_owned());
        for rule in repository.protections.iter_mut().filter(|rule| rule.pattern == from) {
            to.clone_into(&mut rule.pattern);
        }
        if repository.default_branch == from {
            to.clone_into(&mut repository.default_branch);
        }
    }

    /// Writes a file on a branch, which begins at the default branch if it is new.
    ///
    /// # Panics
    /// If there is no such repository.
    pub fn commit(&mut self, name: &str, branch: &str, path: &str, text: &str) {
        self.change(name, branch, path, Some(text.as_bytes()));
    }

    /// Deletes a file on a branch.
    ///
    /// # Panics
    /// If there is no such repository.
    pub fn delete_file(&mut self, name: &str, branch: &str, path: &str) {
        self.change(name, branch, path, None);
    }

    fn change(&mut self, name: &str, branch: &str, path: &str, content: Option<&[u8]>) {
        let now = self.seconds();
        let repository = self.get_mut(name);
        if repository.git.head(branch).is_none()
            && let Some(head) = repository.git.head(&repository.default_branch).cloned()
        {
            repository.git.add(branch, head);
        }
        let verb = if content.is_some() { "Write" } else { "Delete" };
        let message = format!("{verb} {path}");
        repository.git.change(branch, &[(path, content)], &message, now);
        repository.pushed = Some(now);
    }

    pub(super) fn get_mut(&mut self, name: &str) -> &mut Repository {
        let id = self.get(name).id;
        self.by_id_mut(id)
    }

    pub(super) fn by_id(&self, id: u64) -> Option<&Repository> {
        self.repositories.get(&id)
    }

    pub(super) fn by_id_mut(&mut self, id: u64) -> &mut Repository {
        self.repositories.get_mut(&id).expect("an id of the model stays")
    }

    /// The repositories of an owner, oldest first.
    pub fn repositories(&self, owner: &str) -> Vec<&Repository> {
        let all = self.repositories.values();
        all.filter(|each| each.owner.eq_ignore_ascii_case(owner)).collect()
    }

    /// Every repository.
    pub(super) fn all(&self) -> impl Iterator<Item = &Repository> {
        self.repositories.values()
    }

    /// How many repositories there are.
    pub fn len(&self) -> usize {
        self.repositories.len()
    }

    /// Whether there is no repository.
    pub fn is_empty(&self) -> bool {
        self.repositories.is_empty()
    }

    /// The repository a workflow or run is in.
    pub(super) fn home(&self, id: u64) -> Option<&Repository> {
        self.by_id(*self.homes.get(&id)?)
    }

    /// The rulesets that hold for a branch: active, of the repository first, then of its organisation.
    pub(super) fn rules_for<'m>(&'m self, repository: &'m Repository, branch: &str) -> Vec<&'m Ruleset> {
        let all = repository.rulesets.iter().chain(self.parents(repository));
        all.filter(|ruleset| {
            ruleset.enforcement == Enforcement::Active
                && self.has_rulesets(repository)
                && ruleset.has_branch(branch, &repository.default_branch)
        })
        .collect()
    }

    /// The rulesets of the organisation that are about this repository.
    pub(super) fn parents<'m>(&'m self, repository: &'m Repository) -> impl Iterator<Item = &'m Ruleset> {
        let rulesets = self.owner(&repository.owner).map_or(&[][..], |owner| &owner.rulesets);
        rulesets.iter().filter(move |ruleset| repository.is_under(ruleset))
    }

    /// Whether the owner's plan has protection and rulesets for this repository.
    pub(super) fn has_rulesets(&self, repository: &Repository) -> bool {
        let plan = self.owner(&repository.owner).map_or(Plan::Free, |owner| owner.plan);
        repository.visibility == Visibility::Public || plan != Plan::Free
    }
}
