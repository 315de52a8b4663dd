//! May they? Cedar policies over agents, secrets, stacks and stages; what none permits is denied.
//!
//! [`Access`] names what can be asked, this module decides it. A policy that cannot be evaluated
//! denies, whatever the others say: a `forbid` that fails must not open the door. Before any policy stands what none
//! can grant: the control plane's own secrets are closed to agents.

mod entities;
mod literals;
mod memo;
mod own;

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::LazyLock;

use cedar_policy::{
    Authorizer, Decision as CedarDecision, PolicyId, PolicySet as CedarSet, Schema, ValidationMode, ValidationWarning,
    Validator,
};
use miette::Diagnostic;
use serde::Serialize;

pub use cc_devops_kernel::access::Access;
use cc_devops_kernel::acts::Authority;
pub use cc_devops_kernel::decision::Decision;
use literals::NamedAgent;
use memo::Memo;
use own::OwnStacks;
pub use own::is_own_stack;

use crate::fleet::Agent;
use crate::installation::Installation;
use crate::names::AgentName;
use crate::requests::Role;

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
#[error("{}: {problem}", self.place())]
pub struct PolicyProblem {
    /// The file.
    pub file: String,
    /// The line, from 1, where it is known.
    pub line: Option<usize>,
    /// What is wrong and, where that can be told, what may have been meant.
    pub problem: String,
}

impl PolicyProblem {
    /// The file, and the line behind it: `mine.cedar:7`.
    pub fn place(&self) -> String {
        self.line
            .map_or_else(|| self.file.clone(), |line| format!("{}:{line}", self.file))
    }
}

/// A checked set of policies.
pub struct Policy {
    policies: CedarSet,
    /// What each policy is called to people: its `@id`, else its place in its file.
    names: HashMap<PolicyId, String>,
    authorizer: Authorizer,
    installation: Installation,
    agents: Vec<NamedAgent>,
    own: OwnStacks,
    memo: Memo,
}

impl Authority for Policy {
    fn decide(&self, agent: &Agent, access: &Access) -> Decision {
        Policy::decide(self, agent, access)
    }
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

    /// Policies from files, as pairs of name and text, validated against the schema, and each name in them against
    /// what it names. Every problem of every file is reported.
    pub fn parse(sources: &[(String, String)], installation: &Installation) -> Result<Self, Vec<PolicyProblem>> {
        let mut policies = CedarSet::new();
        let mut problems = Vec::new();
        let mut agents = Vec::new();
        for (file, text) in sources {
            match CedarSet::from_str(text) {
                Err(errors) => problems.extend(errors.iter().map(|error| problem((file, text), error))),
                Ok(parsed) => {
                    problems.extend(literals::check(file, text, &parsed, installation));
                    agents.extend(literals::agents(file, text, &parsed));
                    add_all(&mut policies, file, &parsed, &mut problems);
                }
            }
        }
        let result = Validator::new(PARSED_SCHEMA.clone()).validate(&policies, ValidationMode::Strict);
        let source = |id: &PolicyId| {
            let id = id.to_string();
            let name = id.split_once('#').map_or(id.as_str(), |(file, _)| file);
            sources.iter().find(|(file, _)| file == name)
        };
        for error in result.validation_errors() {
            let (file, text) = source(error.policy_id()).map_or(("", ""), |(file, text)| (file, text));
            problems.push(problem((file, text), error));
        }
        // A policy that can never decide anything is none, which matters most where it was to forbid.
        let idle = result.validation_warnings().filter(|warning| {
            matches!(
                warning,
                ValidationWarning::ImpossiblePolicy(_)
                    | ValidationWarning::InvalidActionApplication(_)
                    | ValidationWarning::BidiCharsInString(_)
                    | ValidationWarning::BidiCharsInIdentifier(_)
            )
        });
        for warning in idle {
            let (file, text) = source(warning.policy_id()).map_or(("", ""), |(file, text)| (file, text));
            problems.push(problem((file, text), warning));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
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
            installation: installation.clone(),
            agents,
            own: OwnStacks::of(installation),
            memo: Memo::default(),
        })
    }

    /// Holds the agents that the policies name to those that there are.
    ///
    /// # Errors
    /// Names that differ from an agent's in their case or dashes alone, and so can never be another's.
    pub fn check_agents(&self, known: &[AgentName]) -> Result<(), Vec<PolicyProblem>> {
        let problems: Vec<_> = self.agents.iter().filter_map(|named| named.among(known)).collect();
        if problems.is_empty() { Ok(()) } else { Err(problems) }
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
        let closed = |secret| self.installation.closes(secret, &agent.name);
        if agent.role == Role::Agent && access.secret().is_some_and(closed) {
            return Decision {
                allowed: false,
                policies: vec![Decision::OWN_SECRETS.to_owned()],
                errors: Vec::new(),
            };
        }
        let (request, entities) = match entities::question(agent, access, &self.installation.namespace) {
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

/// A problem in Cedar's words, at the place that Cedar names.
fn problem((file, text): (&str, &str), error: &(impl Diagnostic + ?Sized)) -> PolicyProblem {
    let offset = error
        .labels()
        .and_then(|mut labels| labels.next())
        .map(|label| label.offset());
    let help = error.help().map(|help| format!("; {help}"));
    PolicyProblem {
        file: file.to_owned(),
        line: offset.and_then(|offset| Some(text.get(..offset)?.matches('\n').count() + 1)),
        problem: format!("{error}{}", help.unwrap_or_default()),
    }
}

/// Adds a file's policies under ids that name the file, so that two files cannot clash.
fn add_all(all: &mut CedarSet, file: &str, parsed: &CedarSet, problems: &mut Vec<PolicyProblem>) {
    if parsed.templates().next().is_some() {
        let problem = "templates are not supported; write the policies out".to_owned();
        let file = file.to_owned();
        problems.push(PolicyProblem {
            file,
            line: None,
            problem,
        });
    }
    for policy in parsed.policies() {
        let id = PolicyId::new(format!("{file}#{}", policy.id()));
        if let Err(error) = all.add(policy.new_id(id)) {
            problems.push(problem((file, ""), &error));
        }
    }
}

#[cfg(test)]
mod tests;
