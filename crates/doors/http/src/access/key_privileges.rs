//! What routes about access keys may touch, with which agents' AWS SDKs sign.

use cc_devops_fleet::aws_keys::{AwsKey, AwsKeyId, ListedKey, ShortLivedKey};
use cc_devops_kernel::access::Access;
use cc_devops_kernel::audit::actions;
use cc_devops_kernel::door::Door;
use cc_devops_kernel::names::AgentName;

use super::{ManageAgents, Permitted, Privilege, Question};
use crate::problem::Problem;
use crate::random::random_bits;

impl<P> Permitted<P> {
    /// Whether there is a door here for what a key signs.
    fn has_aws_door(&self) -> Result<(), Problem> {
        if self.app.has_door(Door::Aws) {
            return Ok(());
        }
        Err(Problem::not_found(
            "AWS SDKs are not answered here, so there are no access keys for them: `aws_door.enabled` in the server's \
             configuration switches that on, with the embedded backend; on AWS an agent has IAM's keys",
        ))
    }
}

/// Give an agent access keys, and end them. Each act asks the policies itself, and puts it on record where these
/// refuse.
#[derive(Clone)]
pub struct ManageAwsKeys(AgentName);

impl Privilege for ManageAwsKeys {
    fn ask(question: &Question<'_>) -> Result<Self, Problem> {
        question.named().map(Self)
    }
}

impl Permitted<ManageAwsKeys> {
    /// Which agent.
    pub fn name(&self) -> &AgentName {
        &self.privilege.0
    }

    /// Gives the agent a key.
    ///
    /// # Errors
    /// What no policy permits; there is no door for it here; there is no such agent, it is the control plane itself, or
    /// it has as many keys as it may have; what the store says.
    pub async fn add(&self) -> Result<AwsKey, Problem> {
        // First: who may not is told that, whatever else there is.
        let audit = &*self.app.ports().audit;
        let actor = self.asking();
        actor
            .author(&Access::ManageAgents, actions::AWS_KEY_ADDED, audit, self.now())
            .await?;
        self.has_aws_door()?;
        self.is_given_proofs(self.name())?;
        let added = self.app.aws_keys().add(self.name(), random_bits()?, actor).await;
        added.map_err(Problem::as_things_stand)
    }

    /// Ends one of the agent's keys at once.
    ///
    /// # Errors
    /// What no policy permits; the agent has no such key; what the store says.
    pub async fn end(&self, id: &AwsKeyId) -> Result<(), Problem> {
        let of = Some(self.name());
        self.app.aws_keys().end(id, of, self.asking()).await?;
        Ok(())
    }
}

impl Permitted<ManageAgents> {
    /// The keys of the agent that are good, the oldest first.
    ///
    /// # Errors
    /// There is no such agent; what the store says.
    pub async fn aws_keys(&self) -> Result<Vec<ListedKey>, Problem> {
        let status = self.app.ports().agents.status(self.name()).await?;
        status.ok_or_else(|| Problem::not_found("there is no such agent"))?;
        Ok(self.app.aws_keys().list(self.name()).await?)
    }
}

/// Fetch a short-lived access key. It is the caller's own and may what the caller may, so no policy is asked.
#[derive(Clone)]
pub struct FetchAwsKeys;

impl Privilege for FetchAwsKeys {
    fn ask(_question: &Question<'_>) -> Result<Self, Problem> {
        Ok(Self)
    }
}

impl Permitted<FetchAwsKeys> {
    /// A short-lived key, which ends with the token that the caller came with.
    ///
    /// # Errors
    /// There is no door for it here.
    pub fn fetch(&self) -> Result<ShortLivedKey, Problem> {
        self.has_aws_door()?;
        let token = self.credential.token().ok_or_else(Problem::unauthenticated)?;
        Ok(self.app.aws_keys().short_lived(token, self.now()))
    }
}
