//! The role that deploys of agents run as, and what bounds it.

use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};

use crate::Backend;
use crate::error::port_error;

/// The stack's parameter with the role.
const PARAMETER: &str = "DeployRoleArn";

/// The role that CloudFormation takes on to change the stacks of agents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeployRole {
    /// None: each stack's own role is taken on.
    None,
    /// This one, whose permissions a boundary bounds.
    Bounded(String),
    /// This one, which may do whatever its policies say, by any agent's template.
    Unbounded(String),
}

impl Backend {
    /// The role that the deployed stack was given for deploys, and whether it has a permissions boundary.
    ///
    /// # Errors
    /// Neither can be looked at. `NotFound` where there is no such role.
    pub async fn deploy_role(&self) -> PortResult<DeployRole> {
        let Some(arn) = self.deploy_role_arn().await? else {
            return Ok(DeployRole::None);
        };
        // arn:aws:iam::123456789012:role/PATH/NAME
        let name = arn.rsplit('/').next().unwrap_or_default();
        let answer = match self.clients().iam().get_role().role_name(name).send().await {
            Ok(answer) => answer,
            Err(error) if error.code() == Some("NoSuchEntity") => {
                let message = format!("there is no role {arn}, so no deploy can take it on");
                return Err(PortError::new(PortErrorKind::NotFound, message));
            }
            Err(error) => return Err(port_error("iam:GetRole", error)),
        };
        let bounded = answer.role.is_some_and(|role| {
            let boundary = role.permissions_boundary;
            boundary.is_some_and(|boundary| boundary.permissions_boundary_arn.is_some())
        });
        Ok(if bounded {
            DeployRole::Bounded(arn)
        } else {
            DeployRole::Unbounded(arn)
        })
    }

    /// The role as the deployed stack says; where it does not say, as the configuration does.
    async fn deploy_role_arn(&self) -> PortResult<Option<String>> {
        let resources = self.resources();
        let call = self
            .clients()
            .cloudformation()
            .describe_stacks()
            .stack_name(&resources.stack);
        let stacks = match call.send().await {
            Ok(answer) => answer.stacks.unwrap_or_default(),
            // There is no such stack: what runs was deployed in another way.
            Err(error) if error.code() == Some("ValidationError") => Vec::new(),
            Err(error) => return Err(port_error("cloudformation:DescribeStacks", error)),
        };
        let parameters = stacks.into_iter().filter_map(|stack| stack.parameters).flatten();
        let said = parameters
            .filter(|parameter| parameter.parameter_key() == Some(PARAMETER))
            .find_map(|parameter| parameter.parameter_value);
        let arn = said.or_else(|| resources.deploy_role_arn.clone());
        Ok(arn.filter(|arn| !arn.is_empty()))
    }
}
