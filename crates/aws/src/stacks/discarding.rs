//! Removing what was planned and will not be carried out.

use aws_sdk_cloudformation::types::{ChangeSetStatus, StackStatus};
use cc_devops_kernel::names::FullStackName;
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};

use super::CloudFormation;
use crate::error::port_error;

impl CloudFormation {
    /// Removes a change set, by its ARN or its name, and the stack that was only made for it.
    pub(super) async fn discarded(&self, stack: &FullStackName, set: &str) -> PortResult<()> {
        self.forget(stack, set).await?;
        if let Some(left) = self.describe(Some(stack), set).await?
            && matches!(
                left.0.status(),
                Some(ChangeSetStatus::CreatePending | ChangeSetStatus::CreateInProgress)
            )
        {
            // CloudFormation removes none that it is making.
            let message = format!("the change set of stack {stack} is still being made, and can be removed only after");
            return Err(PortError::new(PortErrorKind::Unavailable, message));
        }
        self.remove_if_only_planned(stack).await
    }

    /// Removes a stack that was only made to be planned, once no change set of it is left: it would stand in the way of
    /// whoever creates it by other means.
    pub(super) async fn remove_if_only_planned(&self, stack: &FullStackName) -> PortResult<()> {
        let Some(current) = self.stack(stack).await? else {
            return Ok(());
        };
        if current.stack_status() != Some(&StackStatus::ReviewInProgress) {
            return Ok(());
        }
        let id = current.stack_id().unwrap_or(stack.as_str());
        match self.remove_empty(id).await {
            // It is in nobody's way who creates it by a change set.
            Err(error) if error.kind == PortErrorKind::Refused => {
                tracing::warn!(%stack, %error, "a stack that was only planned is left behind");
                Ok(())
            }
            done => done,
        }
    }

    async fn remove_empty(&self, stack_id: &str) -> PortResult<()> {
        let client = self.shared.clients.cloudformation();
        let mut pages = client.list_change_sets().stack_name(stack_id).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| port_error("cloudformation:ListChangeSets", error))?;
            let is_going = |status: Option<&ChangeSetStatus>| {
                status.is_some_and(|status| {
                    matches!(
                        status,
                        ChangeSetStatus::DeletePending
                            | ChangeSetStatus::DeleteInProgress
                            | ChangeSetStatus::DeleteComplete
                    )
                })
            };
            // Somebody else plans it.
            if page.summaries().iter().any(|set| !is_going(set.status())) {
                return Ok(());
            }
        }
        match client.delete_stack().stack_name(stack_id).send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(port_error("cloudformation:DeleteStack", error)),
        }
    }
}
