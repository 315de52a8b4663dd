//! The registry of actions. An action is added in one file of this folder and one line of `ACTIONS`.
//!
//! The file holds an [`Action`]: its name, its parameters and how they are read, what policies may say of it, which way
//! it is carried out, and its sentence in the documents; and an [`Effect`], which carries it out over the ports.
//! Admission, the policies' schema, the description of the API, the documents' tables and the command line all read
//! the registry, and nothing else names an action.

pub mod bootstrap_repo_secrets;
pub mod deploy_lambda;
pub mod github_repo_check;
pub mod protect_branches;
pub mod put_secret;
pub mod report_cost;
pub mod workflow_monitor;

mod action;
mod describing;
mod effect;
mod params;
mod registry;
mod repositories;

use std::sync::LazyLock;

pub use action::{Action, Asked, Carrying, Command, Read};
use cc_devops_policy::{Rule, Vocabulary};
pub use effect::{Arrival, Effect, EffectContext, EffectEnd, EffectError, EffectProgress, in_effect};
pub use params::{Kind, Param, Params, broken_name, invalid, wrong_type};
pub use registry::Registry;
pub use repositories::within_an_event;

use super::effects::RepositoryWork;

/// The actions that there are, in the order in which people are shown them.
static ACTIONS: &[&Action] = &[
    &put_secret::ACTION,
    &deploy_lambda::ACTION,
    &github_repo_check::ACTION,
    &workflow_monitor::ACTION,
    &protect_branches::ACTION,
    &bootstrap_repo_secrets::ACTION,
    &report_cost::ACTION,
];

#[expect(
    clippy::expect_used,
    reason = "the shipped actions are part of the program; a test puts them together"
)]
static SHIPPED: LazyLock<Registry> =
    LazyLock::new(|| Registry::of(ACTIONS.to_vec()).expect("the shipped actions fit together"));

impl Registry {
    /// The actions that ship.
    pub fn shipped() -> &'static Self {
        &SHIPPED
    }
}

/// What policies may speak of, where the actions are those that ship.
pub fn vocabulary() -> &'static Vocabulary {
    Registry::shipped().vocabulary()
}

/// The names of the actions that ship, without the vocabulary that [`Registry::shipped`] makes: for every command's
/// start.
pub fn names() -> impl Iterator<Item = &'static str> {
    ACTIONS.iter().map(|action| action.name)
}

#[expect(
    clippy::expect_used,
    reason = "the shipped actions are part of the program; a test puts them together"
)]
static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let rules = Vocabulary::rules_of(ACTIONS.iter().map(|action| action.rule()));
    rules.expect("the shipped actions fit together")
});

/// What policies may say of each action, likewise.
pub fn rules() -> &'static [Rule] {
    &RULES
}

impl Action {
    /// The action of that name among those that ship.
    pub fn find(name: &str) -> Option<&'static Self> {
        Registry::shipped().find(name)
    }

    /// The action that asks for this work.
    pub fn for_work(work: &RepositoryWork) -> &'static Self {
        match work {
            RepositoryWork::Check { .. } => &github_repo_check::ACTION,
            RepositoryWork::Monitor { .. } => &workflow_monitor::ACTION,
            RepositoryWork::Protect { .. } => &protect_branches::ACTION,
            RepositoryWork::SetSecrets { .. } => &bootstrap_repo_secrets::ACTION,
        }
    }
}

#[cfg(test)]
mod tests;
