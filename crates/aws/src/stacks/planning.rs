//! What a change set that was made comes to: a draft, or an end.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::types::{StackStatus, TemplateStage};
use cc_devops_deploys::{Basis, ChangeSetDocuments, Draft, DraftContent};
use cc_devops_kernel::names::FullStackName;
use cc_devops_kernel::outcome::{DeployAction, DeployResult, Failure};
use cc_devops_kernel::ports::{PortErrorKind, PortResult};
use cc_devops_requests::ports::{Planning, StackEnd, StackProgress};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::about::About;
use super::document::{document, time};
use super::drift::Drift;
use super::reading::{ChangeSet, SILENT, Seen, is_absent};
use super::{ChangeName, CloudFormation, end, refusals, unpinned};
use crate::error::port_error;

impl CloudFormation {
    /// What there is to say of a planned change from what was seen of it. `parameters` are the request's, as far as
    /// they are known here: their values are kept out of what is told.
    pub(super) async fn planning(
        &self,
        stack: &FullStackName,
        name: &ChangeName,
        seen: Seen,
        parameters: &BTreeMap<String, String>,
    ) -> PortResult<Planning> {
        match seen {
            Seen::Absent => Ok(Planning::Ended(end(Err(refusals::gone(stack))))),
            Seen::Creating => Ok(Planning::GoesOn),
            Seen::Ready(set) => self.draft(stack, &set).await,
            Seen::Executed(set, execution) => Ok(match self.settle(stack, name, set, execution, parameters).await? {
                StackProgress::Ended(end) => Planning::Ended(end),
                StackProgress::Changing | StackProgress::NotBegun => Planning::GoesOn,
            }),
            Seen::Empty(set) => Ok(Planning::Ended(self.nothing_to_change(stack, &set).await?)),
            Seen::Overtaken(set) => self.not_to_be(stack, &set, refusals::overtaken(stack)).await,
            Seen::Unavailable(set) => {
                let status = set.0.status().map_or("UNKNOWN", |status| status.as_str());
                let why = set.0.status_reason().filter(|why| !why.is_empty()).unwrap_or(SILENT);
                let why = refusals::unavailable(stack, status, why);
                self.not_to_be(stack, &set, why).await
            }
            Seen::Failed(set, why) => {
                let checks = self.failed_checks(stack, &set).await;
                let mut hidden = set.given();
                hidden.extend(parameters.clone());
                let why = refusals::not_made(stack, (&why, &checks), &hidden);
                self.not_to_be(stack, &set, why).await
            }
        }
    }

    /// The end of a change that will not be carried out. Nothing of it is left.
    async fn not_to_be(&self, stack: &FullStackName, set: &ChangeSet, why: Failure) -> PortResult<Planning> {
        self.forget(stack, set.id()).await?;
        self.remove_if_only_planned(stack).await?;
        Ok(Planning::Ended(end(Err(why))))
    }

    /// What a change set that can be executed would do, read anew.
    async fn draft(&self, stack: &FullStackName, set: &ChangeSet) -> PortResult<Planning> {
        let drift = match About::drift(set.0.description()) {
            Some(look) => match self.drift(&look).await? {
                Drift::Looking => return Ok(Planning::GoesOn),
                Drift::Known(status, note) => Some((status, note)),
            },
            None => None,
        };
        let (current, template, nested) = tokio::try_join!(
            self.stack(stack),
            self.template_to_come(stack, set.id()),
            self.nested_sets(set),
        )?;
        let Some(current) = current else {
            return Ok(Planning::Ended(end(Err(refusals::gone(stack)))));
        };
        let is_of_another = current.stack_id().is_some_and(|id| id != set.stack_id());
        if is_of_another || nested.is_overtaken {
            return self.not_to_be(stack, set, refusals::overtaken(stack)).await;
        }
        let mut root = document(&set.0);
        let mut notes = Vec::new();
        if let Value::Object(members) = &mut root {
            if set.0.description().is_some_and(About::is_ours) {
                members.remove("Description");
            }
            // With whose rights it would run, which `describe-change-set` does not say.
            if let Some(role) = &self.shared.resources.deploy_role_arn {
                members.insert("RoleARN".to_owned(), role.as_str().into());
            }
            if let Some((status, note)) = drift {
                if let Some(status) = status {
                    members.insert("StackDriftStatus".to_owned(), status.into());
                }
                notes.extend(note);
            }
        }
        let digest = template.as_ref().ok().map(|text| hex::encode(Sha256::digest(text)));
        match template {
            Ok(text) => notes.extend(unpinned::notes(&text, set.0.parameters())),
            Err(note) => notes.push(note),
        }
        notes.extend(nested.notes);
        Ok(Planning::Ready(Box::new(Draft {
            handle: set.id().to_owned(),
            basis: Basis {
                stack_id: current.stack_id().map(str::to_owned),
                last_updated: time(current.last_updated_time().or(current.creation_time())),
                status: current.stack_status().map(|status| status.as_str().to_owned()),
                template_digest: digest,
            },
            first_creation: current.stack_status() == Some(&StackStatus::ReviewInProgress),
            content: DraftContent::ChangeSet(ChangeSetDocuments {
                root,
                nested: nested.documents,
            }),
            notes,
        })))
    }

    /// The template that a change set would bring, as it was given; or why it is not known, as a sentence.
    async fn template_to_come(&self, stack: &FullStackName, set: &str) -> PortResult<Result<String, String>> {
        let call = self.shared.clients.cloudformation().get_template();
        let call = call.stack_name(stack.as_str()).change_set_name(set);
        match call.template_stage(TemplateStage::Original).send().await {
            Ok(answer) => Ok(Ok(answer.template_body.unwrap_or_default())),
            Err(error) => {
                let error = port_error("cloudformation:GetTemplate", error);
                match error.kind {
                    PortErrorKind::Refused | PortErrorKind::NotFound => Ok(Err(format!(
                        "the template to come could not be read: {}",
                        error.message
                    ))),
                    _ => Err(error),
                }
            }
        }
    }

    /// The template of a stack as it stands, as it was given; none where there is no such stack.
    pub(super) async fn standing_template(&self, stack: &FullStackName) -> PortResult<Option<String>> {
        let call = self.shared.clients.cloudformation().get_template();
        let call = call.stack_name(stack.as_str()).template_stage(TemplateStage::Original);
        match call.send().await {
            Ok(answer) => Ok(answer.template_body),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(port_error("cloudformation:GetTemplate", error)),
        }
    }

    /// The end of a change set that changes nothing. CloudFormation compares what a template says, and not what the
    /// references in it stand for today.
    async fn nothing_to_change(&self, stack: &FullStackName, set: &ChangeSet) -> PortResult<StackEnd> {
        let (current, template) = tokio::try_join!(self.stack(stack), self.template_to_come(stack, set.id()))?;
        self.forget(stack, set.id()).await?;
        let Some(current) = current else {
            return Ok(end(Err(refusals::not_found(stack))));
        };
        let moving = template.map(|text| unpinned::moving(&text)).unwrap_or_default();
        let mut ended = end(Ok(DeployResult {
            stack_name: stack.to_string(),
            action: DeployAction::NoChanges,
            current_status: current.stack_status().map_or("UNKNOWN", StackStatus::as_str).to_owned(),
            stack_id: current.stack_id().unwrap_or(set.stack_id()).to_owned(),
            change_set_id: set.id().to_owned(),
            changes: Vec::new(),
        }));
        ended.output = (!moving.is_empty()).then(|| unpinned::no_changes(&moving));
        Ok(ended)
    }
}
