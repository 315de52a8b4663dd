//! Whether a plan is carried out: at once, when somebody approved it, or never.
//!
//! Plans are permitted by policies that say so: by those that name the action. `permit (principal is Admin, action,
//! resource)` is about what an operator may ask for, and lets no plan pass. What is forbidden is forbidden however it is
//! written.

use std::collections::BTreeSet;

use cc_devops_kernel::access::{Access, PlanContext};
use cc_devops_kernel::agent::Agent;
use cc_devops_kernel::names::{AgentName, StackName, Stage};
use cedar_policy::{Effect, Policy as CedarPolicy, PolicySet as CedarSet};
use serde_json::Value;

use crate::problem::PolicyProblem;
use crate::vocabulary::{APPLY_PLAN, CARRY_APPROVAL};
use crate::{Decision, Policy, add_shipped};

/// The shipped rules for plans, as Cedar: part of every shipped set, and added to policies none of which names
/// `applyPlan`.
pub const PLAN_RULES: &str = include_str!("plans.cedar");

/// What the shipped rules are called among policies' files. No file is called so.
const FILE: &str = "cc-devops/plans";

/// How many approvals are imagined at most.
const APPROVALS: usize = 10;

/// Of how many people each selection is imagined to approve. Where policies name more, they are imagined alone, in
/// pairs, all of them, and all but one.
const SELECTED: usize = 6;

/// What becomes of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It is permitted as it stands.
    Apply,
    /// It would be permitted, if others approved it.
    NeedsApproval,
    /// It is not permitted, whoever approves it: up to ten of them.
    Denied,
}

impl Verdict {
    /// Its name for programs: `apply`, `needs_approval`, `denied`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Apply => "apply",
            Self::NeedsApproval => "needs_approval",
            Self::Denied => "denied",
        }
    }
}

/// What the policies say of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanVerdict {
    /// What becomes of it.
    pub kind: Verdict,
    /// The policies that permit it; where it needs approval, those that would then; where it is denied, those that forbid
    /// it, and none where it is only that none permits it.
    pub policies: Vec<String>,
    /// Policies that could not be evaluated; each denies.
    pub errors: Vec<String>,
}

/// The policies that decide on plans.
pub(super) struct PlanPolicies {
    apply: CedarSet,
    carry: CedarSet,
    /// Whether the shipped rules were added.
    added: bool,
    /// Who could be an approver, as far as the policies name somebody.
    named: BTreeSet<String>,
}

impl PlanPolicies {
    pub(super) fn of(policies: &CedarSet, added: bool) -> Self {
        let apply = naming(policies, APPLY_PLAN);
        let mut named = BTreeSet::new();
        for policy in apply.policies() {
            // A policy that was parsed has a form in JSON.
            if let Ok(form) = policy.to_json() {
                texts(&form, &mut named);
            }
        }
        named.retain(|name| AgentName::new(name.as_str()).is_ok());
        let carry = naming(policies, CARRY_APPROVAL);
        Self {
            apply,
            carry,
            added,
            named,
        }
    }

    /// The policies that decide on this action, where not all of them do.
    pub(super) fn for_action(&self, action: &str) -> Option<&CedarSet> {
        match action {
            APPLY_PLAN => Some(&self.apply),
            CARRY_APPROVAL => Some(&self.carry),
            _ => None,
        }
    }
}

/// Whether a policy names `applyPlan`.
pub(super) fn are_spoken_of(policies: &CedarSet) -> bool {
    policies.policies().any(|policy| names(policy, APPLY_PLAN))
}

/// Adds the shipped rules.
pub(super) fn add_rules(policies: &mut CedarSet, problems: &mut Vec<PolicyProblem>) {
    // The stage `prod` that they name need not be there.
    add_shipped(policies, (FILE, PLAN_RULES), problems);
}

/// Whether a policy names an action, in its head or in a condition.
fn names(policy: &CedarPolicy, action: &str) -> bool {
    let literals = policy.entity_literals();
    literals
        .iter()
        .any(|uid| uid.type_name().to_string() == "Action" && uid.id().unescaped() == action)
}

/// What forbids, and what permits this action by its name.
fn naming(policies: &CedarSet, action: &str) -> CedarSet {
    let mut set = CedarSet::new();
    for policy in policies.policies() {
        if policy.effect() == Effect::Forbid || names(policy, action) {
            // It has the id that it has in the other set.
            let _ = set.add(policy.clone());
        }
    }
    set
}

/// The texts that stand in a policy as values.
fn texts(form: &Value, found: &mut BTreeSet<String>) {
    match form {
        Value::Object(members) => {
            for (key, value) in members {
                match (key.as_str(), value) {
                    ("Value", Value::String(text)) => {
                        found.insert(text.clone());
                    }
                    ("__entity" | "annotations", _) => {}
                    _ => texts(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        _ => {}
    }
}

impl Policy {
    /// Whether the shipped rules for plans were added to these policies, because none of them names `applyPlan`.
    pub fn has_shipped_plan_rules(&self) -> bool {
        self.plans.added
    }

    /// What becomes of a plan that `agent` asked for. `context` tells who approved it so far; whether more approvals would
    /// help is found by imagining them: people whom the policies name, who asked, and up to ten whom nobody named.
    pub fn plan_verdict(&self, agent: &Agent, stack: &StackName, stage: &Stage, context: &PlanContext) -> PlanVerdict {
        let ask = |context: PlanContext| {
            let (stack, stage, context) = (stack.clone(), stage.clone(), Box::new(context));
            self.decide(agent, &Access::ApplyPlan { stack, stage, context })
        };
        let said = |kind, decision: Decision| PlanVerdict {
            kind,
            policies: decision.policies,
            errors: decision.errors,
        };
        let now = ask(context.clone());
        if now.allowed {
            return said(Verdict::Apply, now);
        }
        if now.closed.is_some() {
            return said(Verdict::Denied, now);
        }
        let people = self.people(agent, context);
        let permitted = selections(&people)
            .flat_map(|selected| approvals(context, selected, &people))
            .map(ask)
            .find(|decision| decision.allowed);
        match permitted {
            Some(then) => said(Verdict::NeedsApproval, then),
            None => said(Verdict::Denied, now),
        }
    }

    /// Those whom it may matter to have approved it, and who have not: who asked comes last.
    fn people(&self, agent: &Agent, context: &PlanContext) -> Vec<String> {
        let askers = [context.requester.clone(), agent.name.to_string()];
        let named = self.plans.named.iter().filter(|name| !askers.contains(name)).cloned();
        let mut people: Vec<String> = named.collect();
        for asker in askers {
            if !people.contains(&asker) && !asker.is_empty() {
                people.push(asker);
            }
        }
        people.retain(|name| !context.approvers.contains(name));
        people
    }
}

/// Selections of these people, small ones first.
fn selections(people: &[String]) -> Box<dyn Iterator<Item = BTreeSet<&String>> + '_> {
    if people.len() <= SELECTED {
        let mut all: Vec<u32> = (0..1_u32 << people.len()).collect();
        all.sort_by_key(|selection| selection.count_ones());
        let select = move |selection: u32| {
            let chosen = people.iter().enumerate().filter(|(at, _)| (selection >> at) & 1 == 1);
            chosen.map(|(_, name)| name).collect()
        };
        return Box::new(all.into_iter().map(select));
    }
    let but = |left_out: &str| people.iter().filter(|name| *name != left_out).collect::<BTreeSet<_>>();
    let mut all = vec![BTreeSet::new()];
    all.extend(people.iter().map(|name| BTreeSet::from([name])));
    for (at, one) in people.iter().enumerate() {
        all.extend(people.iter().skip(at + 1).map(|other| BTreeSet::from([one, other])));
    }
    all.extend(people.iter().map(|name| but(name)));
    all.push(people.iter().collect());
    Box::new(all.into_iter())
}

/// The plan, approved by those who did, by these, and by ever more whom nobody named.
fn approvals<'a>(
    context: &'a PlanContext,
    selected: BTreeSet<&'a String>,
    people: &'a [String],
) -> impl Iterator<Item = PlanContext> + 'a {
    let known: BTreeSet<String> = context.approvers.iter().chain(selected).cloned().collect();
    let strangers = move |count: usize| {
        let all = (1..).map(|number| format!("approver-{number}"));
        let new = all.filter(|name| !people.contains(name) && !context.approvers.contains(name));
        new.take(count).collect::<Vec<_>>()
    };
    let least = known.len().max(1);
    (least..=APPROVALS.max(least)).map(move |count| {
        let approvers: BTreeSet<String> = known.iter().cloned().chain(strangers(count - known.len())).collect();
        PlanContext {
            approvals: u32::try_from(approvers.len()).unwrap_or(u32::MAX),
            approvers,
            ..context.clone()
        }
    })
}

#[cfg(test)]
mod tests;
