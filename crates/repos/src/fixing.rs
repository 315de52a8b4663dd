//! Putting breaches right: plans for repositories, and carrying them out.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::civil::Date;
use serde::Serialize;
use serde_json::json;

use super::findings::check;
use super::fix::{self, ChangeKind, Plan, ProtectionMethod, Unknown};
use super::policy::Policy;
use super::report::Verdict;
use super::rules::Rule;
use super::snapshot::Fact;
use crate::ports::RepositoryPorts;
use crate::ports::{CodeHost, Depth, Found};
use cc_devops_kernel::access::Access;
use cc_devops_kernel::acts::{ActError, Actor, Author, ExternalAct};
use cc_devops_kernel::audit::actions;
use cc_devops_kernel::names::RepositoryName;
use cc_devops_kernel::outcome::{Failure, Reason};
use cc_devops_kernel::ports::{AuditTrail, Clock, PortError, PortErrorKind, PortResult};
use cc_devops_kernel::work::WorkHandle;

/// Plans changes and carries them out.
#[derive(Clone)]
pub struct Fixer {
    host: Arc<dyn CodeHost>,
    owner: String,
    policy: Arc<Policy>,
    audit: Arc<dyn AuditTrail>,
    clock: Arc<dyn Clock>,
}

/// What is to be planned.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Repositories, without their owner; all where none is named.
    pub names: Vec<String>,
    /// The rules that are to be put right; all where none is named.
    pub rules: BTreeSet<Rule>,
    /// With what branches are protected.
    pub means: ProtectionMethod,
}

/// Plans for repositories.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Plans {
    /// Those with something to change, to refuse or that nobody knows, by name.
    pub plans: Vec<Plan>,
    /// Repositories that could not be read, and why; an empty name where the list of them broke off.
    pub missing: Vec<(String, String)>,
}

impl Plans {
    /// How many repositories they would change.
    pub fn would_change(&self) -> usize {
        self.plans.iter().filter(|plan| !plan.changes.is_empty()).count()
    }
}

/// What became of a planned change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Applied {
    /// The repository, `owner/name`.
    pub repository: String,
    /// The rules it puts right.
    pub rules: Vec<Rule>,
    /// Whether it was carried out.
    pub done: bool,
    /// What came of it, or why it was not carried out: a sentence.
    pub outcome: String,
}

impl Fixer {
    /// A fixer for the repositories of an owner.
    pub fn new(
        host: Arc<dyn CodeHost>,
        owner: impl Into<String>,
        policy: Arc<Policy>,
        ports: impl Into<RepositoryPorts>,
    ) -> Self {
        let ports = ports.into();
        Self {
            host,
            owner: owner.into(),
            policy,
            audit: ports.audit,
            clock: ports.clock,
        }
    }

    /// Who puts breaches of these repositories right, if they may; all repositories where none is named.
    ///
    /// # Errors
    /// A `security_violation` where no policy lets them; a port that failed.
    pub async fn author(&self, actor: &Actor<'_>, names: &[String]) -> Result<Author, ActError> {
        let all = Access::FixRepositories { repository: None };
        let mut wanted = Vec::with_capacity(names.len());
        for name in names {
            let repository = RepositoryName::new(name.as_str())
                .map_err(|error| Failure::new(Reason::InvalidParameter, error.to_string()))?;
            wanted.push(Access::FixRepositories {
                repository: Some(repository),
            });
        }
        let (first, others) = wanted.split_first().map_or((&all, &[][..]), |split| split);
        let (audit, now) = (&*self.audit, self.clock.now());
        let author = actor.author(first, actions::REPOSITORY_CHANGED, audit, now).await?;
        for access in others {
            actor.author(access, actions::REPOSITORY_CHANGED, audit, now).await?;
        }
        Ok(author)
    }

    /// Plans; `today` (UTC) decides which exemptions hold. All repositories are read once, and those with a
    /// breach once more to their leaves; `progress` is told how many of how many of these are done.
    ///
    /// # Errors
    /// `Refused` where settings as code are to be put right; `NotFound` for a name there is no repository of; what
    /// the host says where nothing can be read.
    pub async fn plan(
        &self,
        wanted: &Wanted,
        today: Date,
        progress: &mut (dyn FnMut(u64, u64) + Send),
    ) -> PortResult<Plans> {
        can_plan(&wanted.rules)?;
        let mut plans = Plans::default();
        let names = if wanted.names.is_empty() {
            self.with_breaches(wanted, today, &mut plans).await?
        } else {
            wanted.names.clone()
        };
        let total = names.len() as u64;
        for (name, done) in names.into_iter().zip(1..) {
            let full_name = format!("{}/{name}", self.owner);
            match self.host.repository(&full_name, Depth::Settings).await {
                Ok((repository, _)) => {
                    let plan = fix::plan(&repository, &self.policy, today, wanted.means);
                    let mut plan = only(plan, &wanted.rules);
                    if plan.needs_writers()
                        && let Fact::Known(writers) = self.host.writers(&plan.repository).await?
                        && let [writer] = writers.as_slice()
                    {
                        plan.warn_of_one_writer(writer);
                    }
                    if !(plan.changes.is_empty() && plan.refused.is_empty() && plan.unknown.is_empty()) {
                        plans.plans.push(plan);
                    }
                }
                Err(error) if wanted.names.is_empty() && !hopeless(error.kind) => {
                    plans.missing.push((name, error.message));
                }
                Err(error) => return Err(error),
            }
            progress(done, total);
        }
        plans.plans.sort_by(|a, b| a.repository.cmp(&b.repository));
        Ok(plans)
    }

    /// The repositories with a breach of one of the rules.
    async fn with_breaches(&self, wanted: &Wanted, today: Date, plans: &mut Plans) -> PortResult<Vec<String>> {
        let mut names = Vec::new();
        let mut take = |found| match found {
            Found::Total(_) | Found::Organization(_) => {}
            Found::Repository(repository) => {
                let report = check(&repository, &self.policy, today);
                let breach = report.findings.iter().any(|finding| {
                    finding.verdict == Verdict::Fail
                        && (wanted.rules.is_empty() || wanted.rules.contains(&finding.rule))
                });
                if breach {
                    names.push(report.name);
                    return;
                }
                let nothing_known = Plan {
                    id: repository.id,
                    repository: repository.full_name(),
                    changes: Vec::new(),
                    refused: Vec::new(),
                    unknown: Unknown::of(&report),
                    approvals: 0,
                };
                let plan = only(nothing_known, &wanted.rules);
                if !plan.unknown.is_empty() {
                    plans.plans.push(plan);
                }
            }
            Found::Missing { name, why } => plans.missing.push((name, why)),
            Found::BrokeOff { why } => plans.missing.push((String::new(), why)),
        };
        self.host.repositories(&self.owner, Depth::Settings, &mut take).await?;
        Ok(names)
    }

    /// Carries a plan out, one change after the other, each on record before and after. One that fails does not keep
    /// the next from being tried: they do not build on each other, but that security updates need alerts, which
    /// GitHub says itself. Planned anew after a stop, what was carried out before is not in the plan any more.
    ///
    /// # Errors
    /// `Stopped` between two changes.
    pub async fn apply(&self, plan: &Plan, author: &Author, handle: &WorkHandle) -> PortResult<Vec<Applied>> {
        let mut applied = Vec::with_capacity(plan.changes.len());
        for change in &plan.changes {
            handle.is_at(applied.len() as u64, plan.changes.len() as u64, "changes");
            handle.go_on()?;
            let act = ExternalAct {
                begun: actions::REPOSITORY_CHANGE_BEGUN,
                done: actions::REPOSITORY_CHANGED,
                resource: plan.repository.clone(),
                detail: json!({"change": change.kind.name(), "rules": change.rules}),
                author,
            };
            let doing = self.host.change(&plan.repository, &change.kind);
            let outcome = act.done((&*self.audit, &*self.clock), doing, |_| None).await;
            applied.push(Applied {
                repository: plan.repository.clone(),
                rules: change.rules.clone(),
                done: outcome.is_ok(),
                outcome: outcome.unwrap_or_else(|error| error.message),
            });
        }
        Ok(applied)
    }
}

/// Refuses what has plans of another kind.
fn can_plan(rules: &BTreeSet<Rule>) -> PortResult<()> {
    if rules.contains(&Rule::SettingsDrift) {
        let why = "settings that the policy names are planned with `cc-devops repos plan` and put right with \
                   `cc-devops repos apply`; leave the rule settings_drift out here";
        return Err(PortError::new(PortErrorKind::Refused, why));
    }
    Ok(())
}

/// Whether no other repository can be read either.
fn hopeless(kind: PortErrorKind) -> bool {
    matches!(kind, PortErrorKind::Key)
}

/// The part of a plan that is about these rules.
fn only(mut plan: Plan, rules: &BTreeSet<Rule>) -> Plan {
    if !rules.is_empty() {
        let updates = rules.contains(&Rule::SecurityUpdates)
            && (plan.changes.iter()).any(|change| change.kind == ChangeKind::SwitchOnSecurityUpdates);
        // Security updates need alerts.
        plan.changes.retain(|change| {
            change.rules.iter().any(|rule| rules.contains(rule))
                || (updates && change.kind == ChangeKind::SwitchOnAlerts)
        });
        plan.refused.retain(|refusal| rules.contains(&refusal.rule));
        plan.unknown.retain(|unknown| rules.contains(&unknown.rule));
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_as_code_are_refused_and_say_where_they_are_planned() {
        let refused = can_plan(&BTreeSet::from([Rule::ForcePush, Rule::SettingsDrift])).unwrap_err();
        assert_eq!(refused.kind, PortErrorKind::Refused);
        for command in ["`cc-devops repos plan`", "`cc-devops repos apply`"] {
            assert!(refused.message.contains(command), "{refused}");
        }
        can_plan(&BTreeSet::from([Rule::ForcePush])).unwrap();
        can_plan(&BTreeSet::new()).unwrap();
    }
}
