//! What this installation is called. Nothing else hard-codes these four names.

use crate::names::{AgentName, Namespace, Stage};

/// The names a control plane answers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    /// This control plane's own agent name.
    pub agent: AgentName,
    /// The first segment of every secret's name.
    pub namespace: Namespace,
    /// The stages that exist; the first is used where a request names none.
    pub stages: Stages,
}

/// One or more stages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stages {
    first: Stage,
    rest: Vec<Stage>,
}

impl Stages {
    /// The stages, the default first.
    pub fn new(first: Stage, rest: Vec<Stage>) -> Self {
        Self { first, rest }
    }

    /// The stage of a request that names none.
    pub fn default_stage(&self) -> &Stage {
        &self.first
    }

    /// All stages, the default first.
    pub fn iter(&self) -> impl Iterator<Item = &Stage> {
        std::iter::once(&self.first).chain(&self.rest)
    }

    /// The stage of that name, or a sentence that lists those that exist. It does not repeat the
    /// name: that is a parameter's value.
    pub fn find(&self, name: &str) -> Result<Stage, String> {
        self.iter()
            .find(|stage| stage.as_str() == name)
            .cloned()
            .ok_or_else(|| {
                let known: Vec<&str> = self.iter().map(Stage::as_str).collect();
                format!("there is no such stage; use one of: {}", known.join(", "))
            })
    }
}
