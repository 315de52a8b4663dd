//! Why a change set could not be made: what CloudFormation checks early it tells in events, and what failed in a nested
//! stack in that one's own change set.

use std::collections::BTreeSet;

use aws_sdk_cloudformation::types::{EventFilter, OperationEvent, ValidationStatus};
use cc_devops_kernel::names::FullStackName;
use cc_devops_kernel::ports::{PortErrorKind, PortResult};

use super::CloudFormation;
use super::reading::{ChangeSet, says_no_changes};
use crate::error::port_error;

/// The most change sets of nested stacks whose reasons are looked for.
const MOST_NESTED: usize = 50;

/// The most pages of events that are read of one change set.
const PAGES: usize = 20;

/// The permission to read what the early checks found.
const PERMISSION: &str = "cloudformation:DescribeEvents";

/// Which checks a change set did not pass, in CloudFormation's own words.
#[derive(Debug, Default)]
pub(super) struct Checks {
    pub(super) told: Vec<String>,
    /// The permission without which they are not known.
    pub(super) missing: Option<&'static str>,
}

impl CloudFormation {
    /// The checks that a change set that could not be made did not pass, with those of its nested stacks.
    pub(super) async fn failed_checks(&self, stack: &FullStackName, root: &ChangeSet) -> Checks {
        let mut checks = Checks::default();
        self.of_one(stack, root.id(), &mut checks).await;
        let mut known: BTreeSet<String> = [root.id().to_owned()].into();
        let (mut open, mut unchanged) = (nested(root), Vec::new());
        while let Some(arn) = open.pop() {
            if known.len() > MOST_NESTED || !known.insert(arn.clone()) {
                continue;
            }
            let set = match self.describe(None, &arn).await {
                Ok(Some(set)) => set,
                Ok(None) => continue,
                Err(error) => {
                    tracing::warn!(%stack, %error, "why a nested change set could not be made is not known");
                    continue;
                }
            };
            let Some(why) = set.failure() else { continue };
            let of = set.0.stack_name().unwrap_or("a nested stack");
            let told = format!("nested stack {of}: {why}");
            if says_no_changes(why) {
                unchanged.push(told);
                continue;
            }
            checks.told.push(told);
            self.of_one(stack, &arn, &mut checks).await;
            open.extend(nested(&set));
        }
        // That one has no changes is a reason only where there is no other.
        if checks.told.is_empty() {
            checks.told = unchanged;
        }
        checks
    }

    /// Those of one change set, by its ARN.
    async fn of_one(&self, stack: &FullStackName, arn: &str, checks: &mut Checks) {
        if checks.missing.is_some() {
            return;
        }
        match self.failed_events(arn).await {
            Ok(told) => checks.told.extend(told),
            // The request ends all the same, with the reason that is known.
            Err(error) => {
                if error.kind == PortErrorKind::Refused && error.message.contains("is not allowed here") {
                    checks.missing = Some(PERMISSION);
                }
                tracing::warn!(%stack, %error, "why a change set could not be made is not known in full");
            }
        }
    }

    async fn failed_events(&self, arn: &str) -> PortResult<Vec<String>> {
        let filter = EventFilter::builder().failed_events(true).build();
        let call = self.shared.clients.cloudformation().describe_events();
        let mut pages = call.change_set_name(arn).filters(filter).into_paginator().send();
        let mut events: Vec<OperationEvent> = Vec::new();
        for _ in 0..PAGES {
            let Some(page) = pages.next().await else { break };
            let page = page.map_err(|error| port_error(PERMISSION, error))?;
            events.extend(page.operation_events.unwrap_or_default());
        }
        Ok(events.iter().filter_map(failed_check).collect())
    }
}

/// The change sets of nested stacks that a change set names, in its changes or in its reason.
fn nested(set: &ChangeSet) -> Vec<String> {
    let told = set.failure().unwrap_or_default();
    let ends = |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '\'' | '"' | '[' | ']' | '(' | ')');
    let named = told
        .split(ends)
        .map(|word| word.trim_end_matches(['.', ':']))
        .filter(|word| word.starts_with("arn:") && word.contains(":changeSet/"));
    set.nested().chain(named).map(str::to_owned).collect()
}

/// What did not pass, where, and why. What only warns did not keep it from being made.
fn failed_check(event: &OperationEvent) -> Option<String> {
    let warns = event
        .validation_failure_mode()
        .is_some_and(|mode| mode.as_str() == "WARN")
        || event.hook_failure_mode().is_some_and(|mode| mode.as_str() == "WARN");
    if warns || event.validation_status() == Some(&ValidationStatus::Skipped) {
        return None;
    }
    let why = event
        .validation_status_reason()
        .or(event.hook_status_reason())
        .or(event.resource_status_reason())?;
    let of = event.logical_resource_id().unwrap_or("the template");
    let path = event
        .validation_path()
        .map(|path| format!(" at {path}"))
        .unwrap_or_default();
    Some(format!("{of}{path}: {why}"))
}
