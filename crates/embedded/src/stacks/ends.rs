//! How a run ends, in the words of the port.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use cc_devops_kernel::names::{FullStackName, RequestId};
use cc_devops_kernel::outcome::{DeployAction, DeployResult, Failure, Reason};
use cc_devops_requests::ports::StackEnd;

use super::runs::Run;
use super::supervisor::{Ending, ExitRecord};

/// As the supervisor said.
pub(super) fn told(word: ExitRecord, run: &Run) -> StackEnd {
    let stack = &run.stack;
    let outcome = match word.ending {
        Ending::Exited { status } => match ExitStatus::from_raw(status) {
            status if status.success() => Ok(deployed(stack, &run.request)),
            status => Err(Failure::new(
                Reason::DeployFailed,
                format!("the command of stack {stack} ended with {status}; its output is kept with the request"),
            )),
        },
        Ending::TimedOut => Err(Failure::new(
            Reason::Timeout,
            format!(
                "the command of stack {stack} ran longer than its {} seconds and was stopped",
                run.limit()
            ),
        )),
        Ending::Stopped => Err(Failure::new(
            Reason::DeployFailed,
            format!("the control plane was shut down and stopped the command of stack {stack} before its end"),
        )),
        Ending::NotBegun => return never_begun(stack),
        Ending::NotStarted { message } => return not_started(stack, &message),
        Ending::Lost { message } => {
            tracing::warn!(%stack, message, "how a stack's command ended was not to be had");
            return StackEnd {
                output: word.output,
                ..unknown(stack)
            };
        }
    };
    StackEnd {
        outcome,
        output: word.output,
        fate_known: true,
    }
}

fn deployed(stack: &FullStackName, request: &RequestId) -> DeployResult {
    DeployResult {
        stack_name: stack.to_string(),
        action: DeployAction::Deployed,
        current_status: "UPDATE_COMPLETE".to_owned(),
        stack_id: format!("local:stack:{stack}"),
        change_set_id: format!("local:run:{request}"),
        changes: Vec::new(),
    }
}

fn failed(message: String, fate_known: bool) -> StackEnd {
    StackEnd {
        outcome: Err(Failure::new(Reason::DeployFailed, message)),
        output: None,
        fate_known,
    }
}

/// The control plane stopped before the command began.
pub(super) fn never_begun(stack: &FullStackName) -> StackEnd {
    let message = format!(
        "the control plane stopped before the command of stack {stack} was begun, so nothing has changed; send a new \
         deploy under a new requestId"
    );
    failed(message, true)
}

/// The system refused to start it.
pub(super) fn not_started(stack: &FullStackName, why: &str) -> StackEnd {
    failed(
        format!("the command of stack {stack} could not be started: {why}"),
        true,
    )
}

/// Nobody is left who knows.
pub(super) fn unknown(stack: &FullStackName) -> StackEnd {
    let message = format!(
        "what watched the command of stack {stack} ended before the command did, so its fate is unknown; an operator \
         looks at the stack and frees it with `cc-devops stacks release {stack}`, then send a new deploy under a new \
         requestId"
    );
    failed(message, false)
}
