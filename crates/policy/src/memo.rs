//! Answers that were given before. The policies do not change while they are in force, nothing in a
//! question but the agent and the access counts, and the agent is compared in every field: so an answer
//! holds for ever, and what is asked again and again (a heartbeat, a secret that is written every hour)
//! is evaluated once.

use std::hash::{Hash, Hasher, RandomState};
use std::sync::{Mutex, PoisonError};

use cc_devops_kernel::access::Access;
use cc_devops_kernel::agent::Agent;
use cc_devops_kernel::decision::Decision;
use hashbrown::{Equivalent, HashMap};

/// How many answers one generation has: two of them take about 8 MB where every name is long.
const GENERATION: usize = 8_192;

/// A question as it is kept.
#[derive(PartialEq, Eq)]
struct Question(Agent, Access);

/// A question as it is asked.
struct Asked<'a>(&'a Agent, &'a Access);

impl Hash for Question {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Asked(&self.0, &self.1).hash(state);
    }
}

impl Hash for Asked<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
        self.1.hash(state);
    }
}

impl Equivalent<Question> for Asked<'_> {
    fn equivalent(&self, kept: &Question) -> bool {
        *self.0 == kept.0 && *self.1 == kept.1
    }
}

/// The answers of two generations: when the young one is full, it takes the place of the old one, and
/// what is still asked for comes back from there.
#[derive(Default)]
struct Generations {
    young: HashMap<Question, Decision, RandomState>,
    old: HashMap<Question, Decision, RandomState>,
}

impl Generations {
    fn keep(&mut self, question: Question, decision: Decision) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(question, decision);
    }
}

/// The answers of one set of policies.
#[derive(Default)]
pub(super) struct Memo(Mutex<Generations>);

impl Memo {
    /// The answer to this question: a kept one, or what `decide` says, which is kept.
    pub(super) fn answer(&self, agent: &Agent, access: &Access, decide: impl FnOnce() -> Decision) -> Decision {
        let asked = Asked(agent, access);
        {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(decision) = kept.young.get(&asked) {
                return decision.clone();
            }
            if let Some((question, decision)) = kept.old.remove_entry(&asked) {
                kept.keep(question, decision.clone());
                return decision;
            }
        }
        // Nobody waits while it is decided; two who ask the same at once get the same.
        let decision = decide();
        let question = Question(agent.clone(), access.clone());
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.keep(question, decision.clone());
        decision
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use cc_devops_kernel::agent::Role;
    use cc_devops_kernel::names::{AgentName, SecretName, SecretPrefix};

    use super::*;

    fn agent(prefixes: &[&str]) -> Agent {
        Agent {
            name: AgentName::new("A").unwrap(),
            role: Role::Agent,
            secret_prefixes: prefixes.iter().map(|p| SecretPrefix::new(*p).unwrap()).collect(),
            stacks: Vec::new(),
        }
    }

    fn reading(name: &str) -> Access {
        Access::ReadSecret {
            name: SecretName::new(name).unwrap(),
        }
    }

    fn decision(allowed: bool) -> Decision {
        Decision {
            allowed,
            policies: vec!["p".to_owned()],
            errors: Vec::new(),
            closed: None,
        }
    }

    #[test]
    fn only_the_very_same_question_gets_the_kept_answer() {
        let memo = Memo::default();
        let (narrow, wide) = (agent(&[]), agent(&["/contentcraft/b/"]));
        let (one, other) = (reading("/contentcraft/b/one"), reading("/contentcraft/b/other"));
        let asked = Cell::new(0);
        let ask = |agent: &Agent, access: &Access, allowed: bool| {
            memo.answer(agent, access, || {
                asked.set(asked.get() + 1);
                decision(allowed)
            })
            .allowed
        };
        assert!(!ask(&narrow, &one, false));
        assert!(
            ask(&wide, &one, true),
            "an agent that was given a prefix is another agent"
        );
        assert!(ask(&wide, &other, true));
        assert_eq!(asked.get(), 3);
        assert!(!ask(&narrow, &one, true), "the kept answer counts");
        assert_eq!(asked.get(), 3);
    }

    /// Where two questions have the same hash, this alone tells them apart.
    #[test]
    fn a_question_is_the_same_in_agent_and_access() {
        let (narrow, wide) = (agent(&[]), agent(&["/contentcraft/b/"]));
        let (one, other) = (reading("/contentcraft/b/one"), reading("/contentcraft/b/other"));
        let kept = Question(narrow.clone(), one.clone());
        assert!(Asked(&narrow, &one).equivalent(&kept));
        for asked in [Asked(&wide, &one), Asked(&narrow, &other), Asked(&wide, &other)] {
            assert!(!asked.equivalent(&kept));
        }
    }

    #[test]
    fn what_is_asked_often_stays_and_what_is_not_is_forgotten() {
        let memo = Memo::default();
        let me = agent(&[]);
        let often = reading("/contentcraft/a/often");
        memo.answer(&me, &often, || decision(true));
        for number in 0..GENERATION * 4 {
            let once = reading(&format!("/contentcraft/a/{number}"));
            memo.answer(&me, &once, || decision(true));
            memo.answer(&me, &often, || panic!("it is kept"));
        }
        let kept = memo.0.lock().unwrap();
        let count = kept.young.len() + kept.old.len();
        assert!((GENERATION..=2 * GENERATION).contains(&count), "{count}");
        assert!(!kept.young.contains_key(&Asked(&me, &reading("/contentcraft/a/0"))));
    }
}
