//! How a stack stands, and what that means for the request that changed it.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::types::{StackEvent, StackStatus};
use cc_devops_kernel::names::FullStackName;
use cc_devops_kernel::outcome::{DeployAction, DeployResult, Failure, Reason};
use cc_devops_kernel::ports::PortResult;
use cc_devops_requests::ports::StackProgress;

use super::change_set::{ChangeSet, Execution, is_absent};
use super::words::told;
use super::{ChangeName, CloudFormation, ended, failed};
use crate::error::port_error;

/// How many pages of a stack's events are looked through, newest first; a page has about 100.
const PAGES: usize = 10;

/// How many of the resources that failed are named.
const NAMED: usize = 5;

pub(super) fn not_found(stack: &FullStackName) -> Failure {
    Failure::new(
        Reason::StackNotFound,
        format!("there is no stack {stack} in this account and region; a deploy changes a stack that exists"),
    )
}

/// Why a stack in this state cannot be changed; none where it can.
pub(super) fn cannot_be_updated(stack: &FullStackName, status: Option<&StackStatus>) -> Option<Failure> {
    let status = status.map_or("UNKNOWN", StackStatus::as_str);
    let failure = |reason, message: String| Some(Failure::new(reason, message));
    match status {
        "CREATE_COMPLETE"
        | "UPDATE_COMPLETE"
        | "UPDATE_ROLLBACK_COMPLETE"
        | "IMPORT_COMPLETE"
        | "IMPORT_ROLLBACK_COMPLETE" => None,
        "UPDATE_ROLLBACK_FAILED" => failure(Reason::DeployFailed, needs_a_person(stack)),
        "REVIEW_IN_PROGRESS" | "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" | "CREATE_FAILED" => failure(
            Reason::DeployFailed,
            format!("stack {stack} was never created ({status}); delete it and create it, then deploy"),
        ),
        "DELETE_COMPLETE" => Some(not_found(stack)),
        _ if status.ends_with("_IN_PROGRESS") => failure(
            Reason::StackInProgress,
            format!("stack {stack} is being changed already ({status}); send the deploy again when that has ended"),
        ),
        _ => failure(
            Reason::DeployFailed,
            format!("stack {stack} cannot be updated in its state, {status}; an operator must look at it"),
        ),
    }
}

/// What CloudFormation's refusal of a change means. `said` is its sentence, from which the values
/// of the request's parameters are taken out.
pub(super) fn of_refusal(stack: &FullStackName, said: &str, parameters: &BTreeMap<String, String>) -> Failure {
    let lower = said.to_lowercase();
    if lower.contains("does not exist") && lower.contains("stack") && !lower.contains("template") {
        return not_found(stack);
    }
    let said = told(said, parameters);
    if lower.contains("requires capabilities") {
        return Failure::new(
            Reason::InvalidParameter,
            format!("the template needs more `capabilities` than the request names: {said}"),
        );
    }
    let reason = if lower.contains("_in_progress state") {
        Reason::StackInProgress
    } else if lower.contains(" state and can not be updated") {
        Reason::DeployFailed
    } else {
        Reason::InvalidParameter
    };
    Failure::new(
        reason,
        format!("CloudFormation refuses the change of stack {stack}: {said}"),
    )
}

/// Why a change set could not be made. `why` is CloudFormation's sentence, with which of its checks failed.
pub(super) fn not_made(
    stack: &FullStackName,
    (why, checks): (&str, &[String]),
    parameters: &BTreeMap<String, String>,
) -> Failure {
    if why.to_lowercase().contains("requires capabilities") {
        return of_refusal(stack, why, parameters);
    }
    let why = told(why, parameters);
    let named: Vec<String> = checks.iter().take(NAMED).map(|check| told(check, parameters)).collect();
    let mut message = format!("CloudFormation could not make the change set of stack {stack}: {why}");
    if !named.is_empty() {
        message.push_str(" Failed: ");
        message.push_str(&named.join("; "));
    }
    let more = checks.len().saturating_sub(NAMED);
    if more > 0 {
        message = format!("{message}; and {more} more");
    }
    Failure::new(Reason::DeployFailed, message)
}

/// Somebody else changed the stack between the making of the change set and its execution.
pub(super) fn overtaken(stack: &FullStackName) -> Failure {
    Failure::new(
        Reason::StackInProgress,
        format!(
            "stack {stack} was changed by somebody else while this change was being prepared, so nothing was done; \
             send the deploy again under a new requestId"
        ),
    )
}

fn needs_a_person(stack: &FullStackName) -> String {
    format!(
        "stack {stack} could neither be changed nor rolled back (UPDATE_ROLLBACK_FAILED) and needs a person: mend what \
         failed, then `aws cloudformation continue-update-rollback --stack-name {stack}`"
    )
}

impl CloudFormation {
    /// The stack's events that our token began, newest first.
    pub(super) async fn events_of(&self, stack: &FullStackName, name: &ChangeName) -> PortResult<Vec<StackEvent>> {
        let call = self
            .shared
            .clients
            .cloudformation()
            .describe_stack_events()
            .stack_name(stack.as_str());
        let mut pages = call.into_paginator().send();
        let mut ours: Vec<StackEvent> = Vec::new();
        for _ in 0..PAGES {
            let page = match pages.next().await {
                None => break,
                Some(Ok(page)) => page,
                Some(Err(error)) if is_absent(&error) => break,
                Some(Err(error)) => return Err(port_error("cloudformation:DescribeStackEvents", error)),
            };
            let events = page.stack_events.unwrap_or_default();
            let (new, others): (Vec<StackEvent>, Vec<StackEvent>) = events
                .into_iter()
                .partition(|event| event.client_request_token() == Some(name.0.as_str()));
            // Behind our own events come only older ones.
            let behind = new.is_empty() && !ours.is_empty() && !others.is_empty();
            ours.extend(new);
            if behind {
                break;
            }
        }
        Ok(ours)
    }

    /// How an executed change stands. `parameters` as in `go_on`.
    pub(super) async fn settle(
        &self,
        stack: &FullStackName,
        name: &ChangeName,
        change: ChangeSet,
        execution: Execution,
        parameters: &BTreeMap<String, String>,
    ) -> PortResult<StackProgress> {
        let Some(current) = self.stack(stack).await? else {
            let message = format!("stack {stack} was deleted while it was being changed");
            return Ok(failed(Reason::DeployFailed, message));
        };
        let now = current.stack_status().map_or("UNKNOWN", StackStatus::as_str);
        let moving = now.ends_with("_IN_PROGRESS") && now != "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS";
        if moving && execution == Execution::Running {
            return Ok(StackProgress::Changing);
        }
        let events = self.events_of(stack, name).await?;
        // What our own change came to counts, not what others made of the stack since.
        let own = events.iter().find_map(|event| {
            let status = event.resource_status()?.as_str();
            (is_of_the_stack(event) && is_end(status)).then_some(status)
        });
        let status = match (own, execution) {
            (Some(status), _) => status,
            // The stack has not begun to move, or moves, or its last event is not there yet.
            (None, Execution::Running) => return Ok(StackProgress::Changing),
            (None, _) if moving => return Ok(StackProgress::Changing),
            (None, Execution::Gone) => {
                let message = format!(
                    "the change of stack {stack} began, and CloudFormation no longer says how it ended, so its fate is \
                     unknown; look at the stack ({now}), then send a new deploy under a new requestId"
                );
                return Ok(failed(Reason::DeployFailed, message));
            }
            (None, Execution::Failed) if !now.contains("ROLLBACK") && now != "UPDATE_FAILED" => {
                let message = format!(
                    "CloudFormation could not carry out the change of stack {stack}, which stays as it was ({now}); see \
                     the stack's events, then send a new deploy under a new requestId"
                );
                return Ok(failed(Reason::DeployFailed, message));
            }
            (None, Execution::Complete | Execution::Failed) => now,
        };
        match status {
            "UPDATE_COMPLETE" | "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS" => Ok(ended(Ok(DeployResult {
                stack_name: stack.to_string(),
                action: DeployAction::Deployed,
                current_status: now.to_owned(),
                stack_id: current.stack_id().unwrap_or(&change.stack_id).to_owned(),
                change_set_id: change.id,
                changes: change.changes,
            }))),
            "UPDATE_ROLLBACK_FAILED" => {
                let message = format!("{}. {}", needs_a_person(stack), causes(&events, parameters));
                Ok(failed(Reason::DeployFailed, message))
            }
            "UPDATE_FAILED" => {
                let message = format!(
                    "the change of stack {stack} failed and was not rolled back ({status}), so an operator must look at \
                     it. {}",
                    causes(&events, parameters)
                );
                Ok(failed(Reason::DeployFailed, message))
            }
            _ => {
                let message = format!(
                    "the change of stack {stack} failed and was rolled back ({status}). {}",
                    causes(&events, parameters)
                );
                Ok(failed(Reason::DeployFailed, message))
            }
        }
    }

    /// The end of a change set that changes nothing.
    pub(super) async fn nothing_to_change(
        &self,
        stack: &FullStackName,
        name: &ChangeName,
        change: ChangeSet,
    ) -> PortResult<StackProgress> {
        let current = self.stack(stack).await?;
        self.forget(stack, name).await?;
        let Some(current) = current else {
            return Ok(ended(Err(not_found(stack))));
        };
        Ok(ended(Ok(DeployResult {
            stack_name: stack.to_string(),
            action: DeployAction::NoChanges,
            current_status: current.stack_status().map_or("UNKNOWN", StackStatus::as_str).to_owned(),
            stack_id: current.stack_id().unwrap_or(&change.stack_id).to_owned(),
            change_set_id: change.id,
            changes: Vec::new(),
        })))
    }
}

/// Whether an event tells of the stack itself. A stack nested in it is one of its resources.
fn is_of_the_stack(event: &StackEvent) -> bool {
    event.physical_resource_id().is_some() && event.physical_resource_id() == event.stack_id()
}

fn is_end(status: &str) -> bool {
    matches!(
        status,
        "UPDATE_COMPLETE"
            | "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
            | "UPDATE_FAILED"
            | "UPDATE_ROLLBACK_COMPLETE"
            | "UPDATE_ROLLBACK_FAILED"
    )
}

/// Which resources failed and why, the first cause first, without the values of `parameters`.
fn causes(events: &[StackEvent], parameters: &BTreeMap<String, String>) -> String {
    let failed: Vec<String> = events
        .iter()
        .rev()
        .filter(|event| {
            let failed = event
                .resource_status()
                .is_some_and(|status| status.as_str().ends_with("_FAILED"));
            failed && !is_of_the_stack(event)
        })
        .filter_map(|event| {
            let why = event.resource_status_reason()?;
            // That a resource was stopped because another failed says nothing.
            (!why.to_lowercase().contains("cancelled")).then(|| {
                let name = event.logical_resource_id().unwrap_or("a resource");
                let kind = event.resource_type().unwrap_or("of no type");
                format!("{name} ({kind}): {}", told(why, parameters))
            })
        })
        .collect();
    if failed.is_empty() {
        return "CloudFormation names no resource that failed".to_owned();
    }
    let more = failed.len().saturating_sub(NAMED);
    let named = failed.into_iter().take(NAMED).collect::<Vec<_>>().join("; ");
    let rest = match more {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    format!("Failed: {named}{rest}")
}
