//! The actions that a control plane takes, as one value.

use std::collections::BTreeSet;
use std::sync::Arc;

use cc_devops_policy::Vocabulary;

use super::action::Action;

/// The actions that a control plane takes.
#[derive(Debug, Clone)]
pub struct Registry {
    actions: Vec<&'static Action>,
    vocabulary: Arc<Vocabulary>,
}

impl Registry {
    /// A registry of these actions.
    ///
    /// # Errors
    /// A sentence: a name that is no action's or is there twice, a parameter that is there twice.
    pub fn of(actions: Vec<&'static Action>) -> Result<Self, String> {
        for action in &actions {
            let mut seen = BTreeSet::new();
            if let Some(twice) = action.params.iter().find(|param| !seen.insert(param.name)) {
                return Err(format!(
                    "action {:?} has the parameter {:?} twice",
                    action.name, twice.name
                ));
            }
        }
        let vocabulary = Vocabulary::new(actions.iter().map(|action| action.rule()))?;
        Ok(Self {
            actions,
            vocabulary: Arc::new(vocabulary),
        })
    }

    /// The same actions, and one more.
    ///
    /// # Errors
    /// As [`Registry::of`].
    pub fn with(&self, action: &'static Action) -> Result<Self, String> {
        let mut actions = self.actions.clone();
        actions.push(action);
        Self::of(actions)
    }

    /// The actions, in the order in which people are shown them.
    pub fn actions(&self) -> impl Iterator<Item = &'static Action> {
        self.actions.iter().copied()
    }

    /// The action of that name.
    pub fn find(&self, name: &str) -> Option<&'static Action> {
        self.actions().find(|action| action.name == name)
    }

    /// What policies may speak of.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }
}
