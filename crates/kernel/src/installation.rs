//! What this installation is called, and which secrets are its own. Nothing else hard-codes these names.

use crate::agent::Agent;
use crate::names::{AgentName, Namespace, SecretName, SecretPrefix, StackName, Stage};

/// The names a control plane answers to, and the secrets it works with itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    /// This control plane's own agent name.
    pub agent: AgentName,
    /// The first segment of every secret's name.
    pub namespace: Namespace,
    /// The stages that exist; the first is used where a request names none.
    pub stages: Stages,
    /// The secrets that hold the control plane's own credentials, as they are configured: a token of GitHub, a key of
    /// Stripe, what their notices are signed with.
    pub credentials: Vec<SecretName>,
    /// The agent that looks after costs: it is told of MRR, and may read the days' figures.
    pub cost_control: AgentName,
}

impl Installation {
    /// Whether a secret is closed to an agent, whatever the policies say: one of the control plane's credentials, or
    /// under its own prefix. Of that, the control plane's own agent has what is no credential: a smoke test writes there.
    pub fn closes(&self, secret: &SecretName, agent: &AgentName) -> bool {
        let own = secret.as_str().starts_with(self.own_prefix().as_str());
        self.credentials.contains(secret) || (own && *agent != self.agent)
    }

    /// Whether an agent may be added so: its name is not the control plane's, and no secret of the control plane lies
    /// under its own prefix or one it is given.
    ///
    /// # Errors
    /// A sentence that says what the control plane has there.
    pub fn check_agent(&self, agent: &Agent) -> Result<(), String> {
        self.check_name(&agent.name)?;
        for prefix in &agent.secret_prefixes {
            if let Some(what) = self.kept_under(prefix) {
                return Err(format!(
                    "the secret prefix {prefix} cannot be given to an agent: under it is {what}; give it a longer one"
                ));
            }
        }
        Ok(())
    }

    /// Whether an agent may be called so.
    ///
    /// # Errors
    /// A sentence that says what the control plane has under that name.
    pub fn check_name(&self, name: &AgentName) -> Result<(), String> {
        if name.collides_with(&self.agent) {
            return Err(format!(
                "the name {name} is the control plane's own, or too much like it: choose another"
            ));
        }
        let prefix = name.own_prefix(&self.namespace);
        self.kept_under(&prefix).map_or(Ok(()), |what| {
            Err(format!(
                "an agent cannot be called {name}: its own secrets would be those under {prefix}, and there is {what}; \
                 choose another name"
            ))
        })
    }

    /// What of the control plane's own lies under a prefix.
    fn kept_under(&self, prefix: &SecretPrefix) -> Option<String> {
        let prefix = prefix.as_str();
        let kept = self.credentials.iter().find(|kept| kept.as_str().starts_with(prefix));
        if let Some(kept) = kept {
            return Some(format!("{kept}, a credential that the control plane itself works with"));
        }
        let own = self.own_prefix();
        (own.as_str().starts_with(prefix) || prefix.starts_with(own.as_str()))
            .then(|| "what the control plane keeps for itself".to_owned())
    }

    fn own_prefix(&self) -> SecretPrefix {
        self.agent.own_prefix(&self.namespace)
    }
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

    /// The stack and the stage that are meant by a stack's name with its stage. Where stages' names end alike it can be
    /// several; all of them are the same stack of the provider. The longest stage comes first. None where it ends in no
    /// stage.
    pub fn parted(&self, full: &str) -> Vec<(StackName, Stage)> {
        let parted = self.iter().filter_map(|stage| {
            let stack = full.strip_suffix(stage.as_str())?.strip_suffix('-')?;
            Some((StackName::new(stack).ok()?, stage.clone()))
        });
        let mut meant: Vec<(StackName, Stage)> = parted.collect();
        meant.sort_by_key(|(stack, _)| stack.as_str().len());
        meant
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::Role;

    fn installation() -> Installation {
        let secret = |name: &str| SecretName::new(name).unwrap();
        Installation {
            agent: AgentName::new("DevOpsAutomation").unwrap(),
            namespace: Namespace::new("contentcraft").unwrap(),
            stages: Stages::new(Stage::new("dev").unwrap(), vec![]),
            credentials: vec![
                secret("/contentcraft/github/token"),
                secret("/contentcraft/billing-provider/live/key"),
            ],
            cost_control: AgentName::new("CostSentinel").unwrap(),
        }
    }

    fn refusal(name: &str, prefixes: &[&str]) -> Option<String> {
        let agent = Agent {
            name: AgentName::new(name).unwrap(),
            role: Role::Agent,
            secret_prefixes: prefixes.iter().map(|text| SecretPrefix::new(*text).unwrap()).collect(),
            stacks: vec![],
        };
        installation().check_agent(&agent).err()
    }

    #[test]
    fn an_agent_cannot_have_a_name_under_which_the_control_plane_keeps_something() {
        for name in [
            "GitHub",
            "github",
            "Billing-Provider",
            "DevOpsAutomation",
            "dev-ops-automation",
        ] {
            assert!(refusal(name, &[]).is_some(), "{name}");
        }
        let said = refusal("GitHub", &[]).unwrap();
        assert!(said.contains("/contentcraft/github/token"), "{said}");
        // The set comes from what is configured: nothing of Stripe's is kept under that name here.
        for name in ["Stripe", "GitHubWatcher", "Git", "Billing"] {
            assert_eq!(refusal(name, &[]), None, "{name}");
        }
    }

    #[test]
    fn an_agent_cannot_be_given_a_prefix_over_the_control_planes_secrets() {
        for prefix in [
            "/contentcraft/github/",
            "/contentcraft/billing-provider/",
            "/contentcraft/billing-provider/live/",
            "/contentcraft/devopsautomation/",
            "/contentcraft/devopsautomation/deeper/",
            "/contentcraft/",
        ] {
            let said = refusal("A", &["/contentcraft/shared/", prefix]).unwrap();
            assert!(said.contains(prefix), "{said}");
        }
        assert_eq!(
            refusal(
                "A",
                &["/contentcraft/github-mirror/", "/contentcraft/billing-provider/test/"]
            ),
            None
        );
    }

    #[test]
    fn what_is_the_control_planes_own_is_no_more_than_that() {
        let (agent, own) = (AgentName::new("A").unwrap(), installation().agent);
        let closed = |name: &str, agent: &AgentName| installation().closes(&SecretName::new(name).unwrap(), agent);
        let owns = |name: &str| closed(name, &agent);
        assert!(owns("/contentcraft/github/token"));
        assert!(owns("/contentcraft/devopsautomation/any/key"));
        assert!(!closed("/contentcraft/devopsautomation/any/key", &own));
        assert!(closed("/contentcraft/github/token", &own), "a credential is nobody's");
        for other in [
            "/contentcraft/github/npm",
            "/contentcraft/github/token/x",
            "/contentcraft/devopsautomation2/x",
        ] {
            assert!(!owns(other), "{other}");
        }
    }
}
