//! Why a stack is not changed, said so that people know what to do.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::types::StackStatus;
use cc_devops_kernel::names::FullStackName;
use cc_devops_kernel::outcome::{Failure, Reason};

use super::checks::Checks;
use super::words::redacted;

/// How many of the resources that failed are named.
pub(super) const NAMED: usize = 5;

/// How many bytes a failure has at most that names every check that failed.
const LONGEST_OF_CHECKS: usize = 16_384;

/// There is no such stack.
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
            format!(
                "stack {stack} was never created ({status}); delete it and create it, then deploy: {}",
                removal(stack)
            ),
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

/// How what is left of a stack that was never created is removed.
pub(super) fn removal(stack: &FullStackName) -> String {
    format!("`aws cloudformation delete-stack --stack-name {stack}` deletes it")
}

/// A stack that is to be made, of nothing.
pub(super) fn nothing_to_create_from(stack: &FullStackName) -> Failure {
    Failure::new(
        Reason::InvalidParameter,
        format!("stack {stack} is not there, and to create it takes a template: give `templateBody` or `templateUrl`"),
    )
}

/// A value that only stands for one.
pub(super) fn hidden_value(parameter: &str) -> Failure {
    Failure::new(
        Reason::InvalidParameter,
        format!(
            "parameter {parameter} is NoEcho, and `****` is what CloudFormation shows in the place of its value, not a \
             value; the stack has no previous one, so give it"
        ),
    )
}

/// A template that a call cannot hold, and no bucket for it.
pub(super) fn too_large(bytes: usize) -> Failure {
    Failure::new(
        Reason::InvalidParameter,
        format!(
            "the template has {bytes} bytes, and CloudFormation takes 51,200 in a call: name a bucket for larger ones \
             (`aws.template_bucket`), or put it where `templateUrl` can name it"
        ),
    )
}

/// The change set that was planned is not there any more, or is not the one.
pub(super) fn gone(stack: &FullStackName) -> Failure {
    Failure::new(
        Reason::StackInProgress,
        format!(
            "the change set that was planned for stack {stack} is gone: somebody removed it, or changed the stack by \
             another; nothing was done, send the deploy again under a new requestId"
        ),
    )
}

/// The change set is there, and CloudFormation would not execute it.
pub(super) fn unavailable(stack: &FullStackName, status: &str, why: &str) -> Failure {
    Failure::new(
        Reason::DeployFailed,
        format!("the change set of stack {stack} cannot be executed ({status}): {why}; nothing was done"),
    )
}

/// What CloudFormation's refusal of a change means. `said` is its sentence, from which the values
/// of the request's parameters are taken out.
pub(super) fn of_refusal(stack: &FullStackName, said: &str, parameters: &BTreeMap<String, String>) -> Failure {
    let lower = said.to_lowercase();
    if lower.contains("does not exist") && lower.contains("stack") && !lower.contains("template") {
        return not_found(stack);
    }
    let said = redacted(said, parameters);
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

/// Why a change set could not be made. `why` is CloudFormation's sentence.
pub(super) fn not_made(
    stack: &FullStackName,
    (why, checks): (&str, &Checks),
    parameters: &BTreeMap<String, String>,
) -> Failure {
    if why.to_lowercase().contains("requires capabilities") {
        return of_refusal(stack, why, parameters);
    }
    let why = redacted(why, parameters);
    let mut message = format!("CloudFormation could not make the change set of stack {stack}: {why}");
    let mut told = 0;
    for check in &checks.told {
        let check = redacted(check, parameters);
        if message.len() + check.len() > LONGEST_OF_CHECKS {
            break;
        }
        message.push_str(if told == 0 { " Failed: " } else { "; " });
        message.push_str(&check);
        told += 1;
    }
    let more = checks.told.len() - told;
    if more > 0 {
        message = format!("{message}; and {more} more");
    }
    if let Some(permission) = checks.missing {
        message = format!(
            "{message}. Which of its checks failed is not known here: grant `{permission}` to the role that this runs as"
        );
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

/// What to do about a stack whose rollback failed.
pub(super) fn needs_a_person(stack: &FullStackName) -> String {
    format!(
        "stack {stack} could neither be changed nor rolled back (UPDATE_ROLLBACK_FAILED) and needs a person: mend what \
         failed, then `aws cloudformation continue-update-rollback --stack-name {stack}`"
    )
}
