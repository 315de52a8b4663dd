//! May they? Cedar policies over agents, secrets, stacks and stages; what none permits is denied.
//!
//! [`access`] names what can be asked, this module decides it. A policy that cannot be evaluated
//! denies, whatever the others say: a `forbid` that fails must not open the door.

mod access;
mod entities;
mod memo;
mod own;

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::LazyLock;

use cedar_policy::{
    Authorizer, Decision as CedarDecision, PolicyId, PolicySet as CedarSet, Schema, ValidationMode, Validator,
};
use serde::Serialize;

pub use access::Access;
use memo::Memo;
use own::OwnStacks;
pub use own::is_own_stack;

use crate::fleet::Agent;
use crate::installation::Installation;
use crate::names::Namespace;

const SCHEMA: &str = include_str!("control-plane.cedarschema");

#[expect(
    clippy::expect_used,
    reason = "the shipped schema is part of the program; a test parses it"
)]
static PARSED_SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    Schema::from_cedarschema_str(SCHEMA)
        .expect("the shipped schema parses")
        .0
});

/// The policy sets that ship.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PolicySet {
    /// An agent has its own prefixes and stacks.
    #[default]
    OwnPrefixes,
    /// Every agent has the whole namespace, as older installations had it.
    WholeNamespace,
}

impl PolicySet {
    /// Every shipped set.
    pub const ALL: [Self; 2] = [Self::OwnPrefixes, Self::WholeNamespace];

    /// The set's name in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OwnPrefixes => "own-prefixes",
            Self::WholeNamespace => "whole-namespace",
        }
    }

    /// The set of that name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|set| set.as_str() == name)
    }

    /// The set's Cedar text, to start one's own from.
    pub fn text(self) -> &'static str {
        match self {
            Self::OwnPrefixes => include_str!("own-prefixes.cedar"),
            Self::WholeNamespace => include_str!("whole-namespace.cedar"),
        }
    }
}

/// What is wrong with a policy file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{file}: {problem}")]
pub struct PolicyProblem {
    /// The file.
    pub file: String,
    /// What is wrong, in Cedar's words.
    pub problem: String,
}

/// The answer to "may they?".
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// Whether they may.
    pub allowed: bool,
    /// The policies that decided; empty where nothing permitted.
    pub policies: Vec<String>,
    /// Policies that could not be evaluated; each denies.
    pub errors: Vec<String>,
}

/// A checked set of policies.
pub struct Policy {
    policies: CedarSet,
    /// What each policy is called to people: its `@id`, else its place in its file.
    names: HashMap<PolicyId, String>,
    authorizer: Authorizer,
    namespace: Namespace,
    own: OwnStacks,
    memo: Memo,
}

impl Policy {
    /// A set that ships.
    #[expect(
        clippy::expect_used,
        clippy::missing_panics_doc,
        reason = "the shipped sets are part of the program; a test parses each"
    )]
    pub fn shipped(set: PolicySet, installation: &Installation) -> Self {
        let source = (set.as_str().to_owned(), set.text().to_owned());
        Self::parse(&[source], installation).expect("the shipped policies are valid")
    }

    /// Policies from files, as pairs of name and text, validated against the schema. Every problem
    /// of every file is reported.
    pub fn parse(sources: &[(String, String)], installation: &Installation) -> Result<Self, Vec<PolicyProblem>> {
        let mut policies = CedarSet::new();
        let mut problems = Vec::new();
        for (file, text) in sources {
            match CedarSet::from_str(text) {
                Err(errors) => problems.extend(errors.iter().map(|error| problem(file, error))),
                Ok(parsed) => add_all(&mut policies, file, &parsed, &mut problems),
            }
        }
        let result = Validator::new(PARSED_SCHEMA.clone()).validate(&policies, ValidationMode::Strict);
        problems.extend(result.validation_errors().map(|error| {
            let file = error.policy_id().to_string();
            problem(file.split_once('#').map_or(file.as_str(), |(file, _)| file), error)
        }));
        if !problems.is_empty() {
            return Err(problems);
        }
        let namespace = installation.namespace.clone();
        // Cedar reads an annotation's key anew each time it is asked for one.
        let names = policies.policies().map(|policy| {
            let id = policy.id();
            let name = policy
                .annotation("id")
                .map_or_else(|| id.to_string(), ToOwned::to_owned);
            (id.clone(), name)
        });
        Ok(Self {
            names: names.collect(),
            policies,
            authorizer: Authorizer::new(),
            namespace,
            own: OwnStacks::of(installation),
            memo: Memo::default(),
        })
    }

    /// The same, where the control plane's own stack has another name than its agent gives it. `full_name` has the
    /// stage.
    #[must_use]
    pub fn guarding(mut self, full_name: &str) -> Self {
        self.own.add(full_name);
        self
    }

    /// Why nobody may do `access`, whatever the policies say.
    pub fn refusal(&self, access: &Access) -> Option<String> {
        self.own.refusal(access)
    }

    /// The schema that policies are validated against.
    pub fn schema_text() -> &'static str {
        SCHEMA
    }

    /// Whether `agent` may do `access`.
    pub fn decide(&self, agent: &Agent, access: &Access) -> Decision {
        if self.refusal(access).is_some() {
            return Decision {
                allowed: false,
                policies: Vec::new(),
                errors: Vec::new(),
            };
        }
        self.memo.answer(agent, access, || self.evaluate(agent, access))
    }

    fn evaluate(&self, agent: &Agent, access: &Access) -> Decision {
        let (request, entities) = match entities::question(agent, access, &self.namespace) {
            Ok(question) => question,
            Err(error) => {
                return Decision {
                    allowed: false,
                    policies: Vec::new(),
                    errors: vec![error],
                };
            }
        };
        let response = self.authorizer.is_authorized(&request, &self.policies, &entities);
        let policies = response.diagnostics().reason().map(|id| self.display(id)).collect();
        let errors: Vec<String> = response.diagnostics().errors().map(ToString::to_string).collect();
        let allowed = response.decision() == CedarDecision::Allow && errors.is_empty();
        Decision {
            allowed,
            policies,
            errors,
        }
    }

    fn display(&self, id: &PolicyId) -> String {
        self.names.get(id).map_or_else(|| id.to_string(), Clone::clone)
    }
}

fn problem(file: &str, error: &impl ToString) -> PolicyProblem {
    PolicyProblem {
        file: file.to_owned(),
        problem: error.to_string(),
    }
}

/// Adds a file's policies under ids that name the file, so that two files cannot clash.
fn add_all(all: &mut CedarSet, file: &str, parsed: &CedarSet, problems: &mut Vec<PolicyProblem>) {
    if parsed.templates().next().is_some() {
        problems.push(problem(file, &"templates are not supported; write the policies out"));
    }
    for policy in parsed.policies() {
        let id = PolicyId::new(format!("{file}#{}", policy.id()));
        if let Err(error) = all.add(policy.new_id(id)) {
            problems.push(problem(file, &error));
        }
    }
}

#[cfg(test)]
mod tests;
