#![doc = include_str!("../README.md")]

mod asked;
mod entities;
mod literals;
mod memo;
mod observers;
mod own;
mod plans;
mod problem;
mod sets;
mod vocabulary;

use std::collections::HashMap;
use std::str::FromStr;

use cedar_policy::{
    Authorizer, Decision as CedarDecision, PolicyId, PolicySet as CedarSet, ValidationMode, ValidationWarning,
    Validator,
};

pub use asked::{Answered, Asked, Assumed};
pub use cc_devops_kernel::access::{Access, Resource};
use cc_devops_kernel::acts::Authority;
use cc_devops_kernel::agent::{Agent, Role};
pub use cc_devops_kernel::decision::{Closed, Decision};
use cc_devops_kernel::installation::Installation;
use cc_devops_kernel::names::AgentName;
use literals::NamedAgent;
use memo::Memo;
pub use observers::OBSERVER_RULES;
use own::OwnStacks;
pub use own::is_own_stack;
use plans::PlanPolicies;
pub use plans::{PLAN_RULES, PlanVerdict, Verdict};
pub use problem::PolicyProblem;
use problem::problem;
pub use sets::PolicySet;
pub use vocabulary::{On, Rule, RuleContext, Vocabulary};

/// A checked set of policies.
pub struct Policy {
    policies: CedarSet,
    /// What each policy is called to people: its `@id`, else its place in its file.
    names: HashMap<PolicyId, String>,
    authorizer: Authorizer,
    installation: Installation,
    agents: Vec<NamedAgent>,
    own: OwnStacks,
    plans: PlanPolicies,
    observer_rules_added: bool,
    memo: Memo,
}

impl Authority for Policy {
    fn decide(&self, agent: &Agent, access: &Access) -> Decision {
        Self::decide(self, agent, access)
    }
}

impl Policy {
    /// A set that ships.
    #[expect(
        clippy::expect_used,
        clippy::missing_panics_doc,
        reason = "the shipped sets are part of the program; a test parses each"
    )]
    pub fn shipped(set: PolicySet, installation: &Installation, vocabulary: &Vocabulary) -> Self {
        let source = (set.as_str().to_owned(), set.text().to_owned());
        Self::parse(&[source], installation, vocabulary).expect("the shipped policies are valid")
    }

    /// Policies from files, as pairs of name and text, validated against the schema of what they may speak of, and each
    /// name in them against what it names. Every problem of every file is reported. Where no policy names `applyPlan`, the
    /// shipped rules for plans ([`PLAN_RULES`]) are added: policies that were written before there were plans neither stop
    /// every deploy nor let them run unasked. Where none speaks of observers, those for them ([`OBSERVER_RULES`]) are.
    pub fn parse(
        sources: &[(String, String)],
        installation: &Installation,
        vocabulary: &Vocabulary,
    ) -> Result<Self, Vec<PolicyProblem>> {
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
        let plan_rules_added = !plans::are_spoken_of(&policies);
        if plan_rules_added {
            plans::add_rules(&mut policies, &mut problems);
        }
        let observer_rules_added = !observers::are_spoken_of(&policies);
        if observer_rules_added {
            let rules = (observers::FILE, OBSERVER_RULES);
            add_shipped(&mut policies, rules, &mut problems);
        }
        let result = Validator::new(vocabulary.schema().clone()).validate(&policies, ValidationMode::Strict);
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
            plans: PlanPolicies::of(&policies, plan_rules_added),
            observer_rules_added,
            policies,
            authorizer: Authorizer::new(),
            installation: installation.clone(),
            agents,
            own: OwnStacks::of(installation),
            memo: Memo::default(),
        })
    }

    /// Whether the shipped rules for observers were added.
    pub fn has_shipped_observer_rules(&self) -> bool {
        self.observer_rules_added
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
        self.memo = Memo::default();
        self
    }

    /// Whether `agent` may do `access`. Before any policy stands what none can permit; the decision says so.
    pub fn decide(&self, agent: &Agent, access: &Access) -> Decision {
        let decide = || match self.closed(agent, access) {
            Some(closed) => Decision::closed(closed),
            None => self.evaluate(agent, access),
        };
        match access {
            // No two plans are alike, and one is seldom asked about twice.
            Access::ApplyPlan { .. } => decide(),
            _ => self.memo.answer(agent, access, decide),
        }
    }

    /// Why no policy can permit it, where none can.
    fn closed(&self, agent: &Agent, access: &Access) -> Option<Closed> {
        if self.own.holds(access) {
            return Some(Closed::OwnStack);
        }
        let of_the_plane = |secret| self.installation.closes(secret, &agent.name);
        (agent.role != Role::Admin && access.secret().is_some_and(of_the_plane)).then_some(Closed::OwnSecret)
    }

    fn evaluate(&self, agent: &Agent, access: &Access) -> Decision {
        let (request, entities) = match entities::question(agent, access, &self.installation) {
            Ok(question) => question,
            Err(error) => return Decision::unanswerable(error),
        };
        let policies = self.plans.for_action(access.action()).unwrap_or(&self.policies);
        let response = self.authorizer.is_authorized(&request, policies, &entities);
        let policies = response.diagnostics().reason().map(|id| self.display(id)).collect();
        let errors: Vec<String> = response.diagnostics().errors().map(ToString::to_string).collect();
        let allowed = response.decision() == CedarDecision::Allow && errors.is_empty();
        Decision {
            allowed,
            policies,
            errors,
            closed: None,
        }
    }

    fn display(&self, id: &PolicyId) -> String {
        self.names.get(id).map_or_else(|| id.to_string(), Clone::clone)
    }
}

/// Adds rules that ship.
fn add_shipped(all: &mut CedarSet, (file, text): (&str, &str), problems: &mut Vec<PolicyProblem>) {
    match CedarSet::from_str(text) {
        Ok(rules) => add_all(all, file, &rules, problems),
        Err(error) => problems.push(PolicyProblem {
            file: file.to_owned(),
            line: None,
            problem: error.to_string(),
        }),
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
