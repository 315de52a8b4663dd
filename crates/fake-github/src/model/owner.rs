//! Users and organisations.

use super::ruleset::Ruleset;
use super::security::OrganizationSecurity;
use super::{Label, Model};

/// What an owner pays for. The free plan has no protection and no rulesets for private repositories.
/// <https://docs.github.com/en/get-started/learning-about-github/githubs-plans>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// Nothing.
    Free,
    /// Pro for a user, Team for an organisation.
    Team,
    /// Enterprise.
    Enterprise,
}

/// A user or an organisation.
#[derive(Debug, Clone)]
pub struct Owner {
    pub(crate) id: u64,
    pub(crate) login: String,
    pub(crate) organization: bool,
    pub(crate) rulesets: Vec<Ruleset>,
    pub(crate) teams: Vec<(u64, String)>,
    /// What it pays for.
    pub plan: Plan,
    /// What an organisation's security rests on.
    pub security: OrganizationSecurity,
}

impl Owner {
    /// Its rulesets.
    pub fn rulesets(&self) -> &[Ruleset] {
        &self.rulesets
    }
}

impl Model {
    /// Adds an organisation that pays for everything.
    pub fn org(&mut self, login: &str) {
        self.add_owner(login, true);
    }

    /// Adds a user who pays for everything.
    pub fn user(&mut self, login: &str) {
        self.add_owner(login, false);
    }

    fn add_owner(&mut self, login: &str, organization: bool) {
        let id = self.id();
        let owner = Owner {
            id,
            login: login.to_owned(),
            organization,
            rulesets: Vec::new(),
            teams: Vec::new(),
            plan: Plan::Enterprise,
            security: OrganizationSecurity::default(),
        };
        self.owners.insert(login.to_lowercase(), owner);
    }

    /// Changes what an owner pays for.
    ///
    /// # Panics
    /// If there is no such owner.
    pub fn set_plan(&mut self, login: &str, plan: Plan) {
        self.owner_mut(login).plan = plan;
    }

    /// Changes what an organisation's security rests on.
    ///
    /// # Panics
    /// If there is no such owner.
    pub fn edit_security(&mut self, login: &str, change: impl FnOnce(&mut OrganizationSecurity)) {
        change(&mut self.owner_mut(login).security);
    }

    /// Adds a team to an organisation and returns its id, for a ruleset's bypass.
    ///
    /// # Panics
    /// If there is no such owner.
    pub fn team(&mut self, login: &str, slug: &str) -> i64 {
        let id = self.id();
        self.owner_mut(login).teams.push((id, slug.to_owned()));
        i64::try_from(id).expect("an id fits")
    }

    /// The owner of this login.
    pub fn owner(&self, login: &str) -> Option<&Owner> {
        self.owners.get(&login.to_lowercase())
    }

    pub(crate) fn owners(&self) -> impl Iterator<Item = &Owner> {
        self.owners.values()
    }

    pub(crate) fn owner_mut(&mut self, login: &str) -> &mut Owner {
        let owner = self.owners.get_mut(&login.to_lowercase());
        owner.unwrap_or_else(|| panic!("there is no owner {login}"))
    }

    /// What a new repository has.
    pub(super) fn first_labels(&mut self) -> Vec<Label> {
        let first = [
            ("bug", "d73a4a", "Something isn't working"),
            ("documentation", "0075ca", "Improvements or additions to documentation"),
        ];
        first
            .map(|(name, color, description)| self.make_label(name, color, Some(description)))
            .into()
    }

    pub(crate) fn make_label(&mut self, name: &str, color: &str, description: Option<&str>) -> Label {
        Label {
            id: self.id(),
            name: name.to_owned(),
            color: color.to_owned(),
            description: description.map(str::to_owned),
        }
    }
}
