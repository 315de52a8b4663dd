//! How a stack stands, and what that means for the request that changed it.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::types::{StackEvent, StackStatus};
use cc_devops_kernel::names::FullStackName;
use cc_devops_kernel::outcome::{DeployAction, DeployResult, Reason};
use cc_devops_kernel::ports::PortResult;
use cc_devops_requests::ports::StackProgress;

use super::reading::{ChangeSet, Execution, is_absent};
use super::refusals::{NAMED, needs_a_person, removal};
use super::words::redacted;
use super::{ChangeName, CloudFormation, ended, failed};
use crate::error::port_error;

/// How many pages of a stack's events are looked through, newest first; a page has about 100.
const PAGES: usize = 10;

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

    /// How an executed change stands. `parameters` as in `planning`.
    pub(super) async fn settle(
        &self,
        stack: &FullStackName,
        name: &ChangeName,
        change: ChangeSet,
        execution: Execution,
        parameters: &BTreeMap<String, String>,
    ) -> PortResult<StackProgress> {
        let mut hidden = change.given();
        hidden.extend(parameters.clone());
        let Some(current) = self.stack(stack).await? else {
            let message = format!("stack {stack} was deleted while it was being changed");
            return Ok(failed(Reason::DeployFailed, message));
        };
        let now = current.stack_status().map_or("UNKNOWN", StackStatus::as_str);
        let at_rest = matches!(now, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS" | "REVIEW_IN_PROGRESS");
        let moving = now.ends_with("_IN_PROGRESS") && !at_rest;
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
            (None, Execution::Failed) if !now.contains("ROLLBACK") && !now.ends_with("_FAILED") => {
                let message = format!(
                    "CloudFormation could not carry out the change of stack {stack}, which stays as it was ({now}); see \
                     the stack's events, then send a new deploy under a new requestId"
                );
                return Ok(failed(Reason::DeployFailed, message));
            }
            (None, Execution::Complete | Execution::Failed) => now,
        };
        match status {
            "UPDATE_COMPLETE" | "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS" | "CREATE_COMPLETE" => {
                Ok(ended(Ok(DeployResult {
                    stack_name: stack.to_string(),
                    action: DeployAction::Deployed,
                    current_status: now.to_owned(),
                    stack_id: current.stack_id().unwrap_or(change.stack_id()).to_owned(),
                    change_set_id: change.id().to_owned(),
                    changes: change.entries(),
                })))
            }
            "CREATE_FAILED" | "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" | "DELETE_COMPLETE" | "DELETE_FAILED" => {
                let message = format!(
                    "stack {stack} could not be created ({status}), and what is left of it keeps it from being created \
                     again: {}. {}",
                    removal(stack),
                    causes(&events, &hidden)
                );
                Ok(failed(Reason::DeployFailed, message))
            }
            "UPDATE_ROLLBACK_FAILED" => {
                let message = format!("{}. {}", needs_a_person(stack), causes(&events, &hidden));
                Ok(failed(Reason::DeployFailed, message))
            }
            "UPDATE_FAILED" => {
                let message = format!(
                    "the change of stack {stack} failed and was not rolled back ({status}), so an operator must look at \
                     it. {}",
                    causes(&events, &hidden)
                );
                Ok(failed(Reason::DeployFailed, message))
            }
            _ => {
                let message = format!(
                    "the change of stack {stack} failed and was rolled back ({status}). {}",
                    causes(&events, &hidden)
                );
                Ok(failed(Reason::DeployFailed, message))
            }
        }
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
            | "CREATE_COMPLETE"
            | "CREATE_FAILED"
            | "ROLLBACK_COMPLETE"
            | "ROLLBACK_FAILED"
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
                format!("{name} ({kind}): {}", redacted(why, parameters))
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
