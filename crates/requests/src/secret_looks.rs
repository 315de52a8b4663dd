//! What an agent may know of secrets beside their values: of each that it may read, and of all where it may list them.

use cc_devops_kernel::access::Access;
use cc_devops_kernel::acts::{ActError, Actor};
use cc_devops_kernel::agent::Agent;
use cc_devops_kernel::audit::actions;
use cc_devops_kernel::door::Door;
use cc_devops_kernel::names::{SecretName, SecretPrefix};
use cc_devops_kernel::ports::{PortResult, SecretSummary};

use crate::engine::ControlPlane;
use crate::secret_lists::DescribedSecret;

/// How many secrets are read from the store at once.
const STEP: usize = 200;

impl ControlPlane {
    /// A secret with its versions, for whoever may list secrets or read this one; none where there is no such secret. That
    /// somebody may not is on record.
    ///
    /// # Errors
    /// A `security_violation` that says what no policy permits; what the store or the trail says.
    pub async fn look_at_secret(
        &self,
        (agent, door): (&Agent, Door),
        name: &SecretName,
    ) -> Result<Option<DescribedSecret>, ActError> {
        if !self.may_list(agent) {
            let access = Access::ReadSecret { name: name.clone() };
            let actor = Actor::Agent(agent, &*self.policy, door);
            let audit = &*self.ports.audit;
            actor
                .author(&access, actions::SECRET_DESCRIBED, audit, self.now())
                .await?;
        }
        Ok(self.describe_secret(name).await?)
    }

    /// Hands over the secrets that an agent may know of and that are wanted, by name: all, where it may list them, else
    /// those that it may read. `reach` are looked at, rounded up to whole steps of 200; whether there may be more.
    ///
    /// # Errors
    /// What the store says.
    pub async fn known_secrets(
        &self,
        agent: &Agent,
        prefix: Option<&SecretPrefix>,
        wanted: &(dyn Fn(&SecretSummary) -> bool + Sync),
        hand_over: &mut (dyn FnMut(SecretSummary) + Send),
        reach: usize,
    ) -> PortResult<bool> {
        let lists = self.may_list(agent);
        let may = |summary: &SecretSummary| {
            let name = summary.name.clone();
            lists || self.policy.decide(agent, &Access::ReadSecret { name }).allowed
        };
        let (mut after, mut looked_at) = (None, 0);
        loop {
            let page = self.ports.secrets.list(prefix, after.as_ref(), STEP).await?;
            let is_last = page.len() < STEP;
            looked_at += page.len();
            after = page.last().map(|last| last.name.clone());
            for summary in page {
                if wanted(&summary) && may(&summary) {
                    hand_over(summary);
                }
            }
            if is_last || looked_at >= reach {
                return Ok(!is_last);
            }
        }
    }

    fn may_list(&self, agent: &Agent) -> bool {
        self.policy.decide(agent, &Access::ListSecrets).allowed
    }
}
