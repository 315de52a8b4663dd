//! "May X do Y to Z?", as a person asks it: at the command line and in the dashboard.

use cc_devops_kernel::access::Access;
use cc_devops_kernel::agent::{Agent, Role};
use cc_devops_kernel::decision::{Closed, Decision};
use cc_devops_kernel::installation::Stages;
use cc_devops_kernel::names::{AgentName, SecretPrefix, StackName, Stage};

use crate::{Policy, Vocabulary};

/// A question, in the words of whoever asks.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Who would do it.
    pub principal: &'a AgentName,
    /// The action's name.
    pub action: &'a str,
    /// What it would be done to, as the action wants it.
    pub resource: &'a str,
    /// The stage; the first where none is named.
    pub stage: Option<&'a str>,
    /// Who asked for the plan, of `approvePlan`; somebody else where none is named.
    pub requester: Option<&'a AgentName>,
}

impl Asked<'_> {
    /// What the policies are asked, and on which stage.
    ///
    /// # Errors
    /// A sentence on what cannot be asked.
    pub fn access(&self, vocabulary: &Vocabulary, stages: &Stages) -> Result<(Access, Stage), String> {
        let stage = match self.stage {
            Some(name) => stages.find(name)?,
            None => stages.default_stage().clone(),
        };
        let mut access = vocabulary.access(self.action, self.resource, &stage)?;
        match (&mut access, self.requester) {
            (Access::ApprovePlan { requester, .. }, Some(name)) => requester.clone_from(name),
            // Who asked for the plan is who would have it carried out.
            (Access::ApplyPlan { context, .. }, None) => self.principal.as_str().clone_into(&mut context.requester),
            (_, None) => {}
            (_, Some(_)) => return Err("who asked for a plan is for approvePlan alone".to_owned()),
        }
        Ok((access, stage))
    }
}

/// What is taken of an agent beside what is known of it.
#[derive(Debug, Clone, Default)]
pub struct Assumed {
    /// Its role; the one it has where none is given, and an agent's where it is not known.
    pub role: Option<Role>,
    /// Prefixes it is taken to be given.
    pub secret_prefixes: Vec<SecretPrefix>,
    /// Stacks it is taken to be given.
    pub stacks: Vec<StackName>,
}

impl Assumed {
    /// The agent to ask about: the known one of that name, or one with just its own.
    pub fn of(self, known: Option<Agent>, name: &AgentName) -> Agent {
        let mut agent = known.unwrap_or_else(|| Agent {
            name: name.clone(),
            role: Role::Agent,
            secret_prefixes: Vec::new(),
            stacks: Vec::new(),
        });
        agent.role = self.role.unwrap_or(agent.role);
        agent.secret_prefixes.extend(self.secret_prefixes);
        agent.stacks.extend(self.stacks);
        agent
    }
}

/// What the policies say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// Who would do it.
    pub agent: Agent,
    /// What they would do.
    pub access: Access,
    /// The stage that was asked about.
    pub stage: Stage,
    /// What was decided.
    pub decision: Decision,
}

impl Answered {
    /// What decided it.
    pub fn because(&self) -> String {
        let Self {
            agent,
            access,
            decision,
            ..
        } = self;
        if decision.closed == Some(Closed::OwnStack) {
            decision.refusal(&agent.name, access)
        } else if decision.policies.is_empty() {
            "no policy allows it".to_owned()
        } else {
            format!("decided by {}", decision.policies.join(", "))
        }
    }
}

impl Policy {
    /// Answers a question about an agent.
    ///
    /// # Errors
    /// A sentence on what cannot be asked.
    pub fn answer(
        &self,
        asked: &Asked<'_>,
        agent: Agent,
        (vocabulary, stages): (&Vocabulary, &Stages),
    ) -> Result<Answered, String> {
        let (access, stage) = asked.access(vocabulary, stages)?;
        Ok(Answered {
            decision: self.decide(&agent, &access),
            agent,
            access,
            stage,
        })
    }
}
