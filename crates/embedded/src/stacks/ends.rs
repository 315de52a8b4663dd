//! How a run ends, in the words of the port.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use cc_devops_kernel::names::{FullStackName, RequestId};
use cc_devops_kernel::outcome::{DeployAction, DeployResult, Failure, Reason};
use cc_devops_requests::ports::StackEnd;
use zeroize::Zeroizing;

use super::plan_form;
use super::runs::{Phase, Run, RunEnd};
use super::supervisor::{Ending, ExitRecord, Written};

/// How a run ended, and the plan's file if it wrote one that somebody is to see.
pub(super) struct RunOutcome {
    pub(super) end: RunEnd,
    pub(super) file: Option<Zeroizing<Vec<u8>>>,
}

impl From<StackEnd> for RunOutcome {
    fn from(end: StackEnd) -> Self {
        Self {
            end: RunEnd::Stack(end),
            file: None,
        }
    }
}

/// As the supervisor said.
pub(super) fn told(word: ExitRecord, run: &Run, phase: Phase) -> RunOutcome {
    let (stack, command) = (&run.stack, phase.command());
    let outcome = match word.ending {
        Ending::Exited { status } => match (ExitStatus::from_raw(status), phase) {
            (status, Phase::Deploy) if status.success() => Ok(result(stack, &run.request, DeployAction::Deployed)),
            (status, Phase::Plan) if status.success() => match written(word.written, stack) {
                Ok(file) if plan_form::changes_nothing(&file) => {
                    Ok(result(stack, &run.request, DeployAction::NoChanges))
                }
                Ok(file) => {
                    return RunOutcome {
                        end: RunEnd::Planned { output: word.output },
                        file: Some(file),
                    };
                }
                Err(failure) => Err(failure),
            },
            (status, _) => Err(Failure::new(
                Reason::DeployFailed,
                format!("{command} of stack {stack} ended with {status}; its output is kept with the request"),
            )),
        },
        Ending::TimedOut => Err(Failure::new(
            Reason::Timeout,
            format!(
                "{command} of stack {stack} ran longer than its {} seconds and was stopped",
                run.limit()
            ),
        )),
        Ending::Stopped => Err(Failure::new(
            Reason::DeployFailed,
            format!("the control plane was shut down and stopped {command} of stack {stack} before its end"),
        )),
        Ending::NotBegun => return never_begun(stack, phase).into(),
        Ending::NotStarted { message } => return not_started(stack, phase, &message).into(),
        Ending::Lost { message } => {
            tracing::warn!(%stack, message, "how a stack's command ended was not to be had");
            return RunOutcome::from(StackEnd {
                output: word.output,
                ..unknown(stack, phase)
            });
        }
    };
    RunOutcome::from(StackEnd {
        outcome,
        output: word.output,
        fate_known: true,
    })
}

/// The file that a plan command wrote.
fn written(written: Option<Written>, stack: &FullStackName) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let why = match written {
        Some(Written::File(bytes)) => return Ok(bytes.into_inner()),
        Some(Written::Nothing(why)) => why,
        None => "wrote a file that could not be kept; check the disk of the data folder".to_owned(),
    };
    let message = format!("the plan command of stack {stack} {why}; nothing has changed");
    Err(Failure::new(Reason::DeployFailed, message))
}

/// What stands for a stack, as an ARN does elsewhere.
pub(super) fn stack_id(stack: &FullStackName) -> String {
    format!("local:stack:{stack}")
}

/// The same for the run of a request.
pub(super) fn run_id(request: &str) -> String {
    format!("local:run:{request}")
}

fn result(stack: &FullStackName, request: &RequestId, action: DeployAction) -> DeployResult {
    DeployResult {
        stack_name: stack.to_string(),
        action,
        current_status: "UPDATE_COMPLETE".to_owned(),
        stack_id: stack_id(stack),
        change_set_id: run_id(request.as_str()),
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

/// A deploy that is refused before anything is begun.
pub(super) fn refused(failure: Failure) -> StackEnd {
    StackEnd {
        outcome: Err(failure),
        output: None,
        fate_known: true,
    }
}

/// The control plane stopped before the command began.
pub(super) fn never_begun(stack: &FullStackName, phase: Phase) -> StackEnd {
    let command = phase.command();
    let message = format!(
        "the control plane stopped before {command} of stack {stack} was begun, so nothing has changed; send a new \
         deploy under a new requestId"
    );
    failed(message, true)
}

/// The system refused to start it.
pub(super) fn not_started(stack: &FullStackName, phase: Phase, why: &str) -> StackEnd {
    let command = phase.command();
    failed(format!("{command} of stack {stack} could not be started: {why}"), true)
}

/// Nobody is left who knows. A plan command changes nothing, whatever became of it.
pub(super) fn unknown(stack: &FullStackName, phase: Phase) -> StackEnd {
    match phase {
        Phase::Plan => failed(
            format!(
                "what watched the plan command of stack {stack} ended before the command did, so there is no plan and \
                 nothing has changed; send a new deploy under a new requestId"
            ),
            true,
        ),
        Phase::Deploy => failed(
            format!(
                "what watched the command of stack {stack} ended before the command did, so its fate is unknown; an \
                 operator looks at the stack and frees it with `cc-devops stacks release {stack}`, then send a new \
                 deploy under a new requestId"
            ),
            false,
        ),
    }
}

/// What was planned is kept no more.
pub(super) fn forgotten(stack: &FullStackName) -> StackEnd {
    let message = format!(
        "the plan of stack {stack} was discarded and nothing of it has run; send a new deploy under a new requestId"
    );
    refused(Failure::new(Reason::StackInProgress, message))
}

/// Another deploy came first.
pub(super) fn moved(stack: &FullStackName) -> StackEnd {
    let message = format!(
        "another deploy of stack {stack} was begun after this one was planned, so nothing of this one has run; send a \
         new deploy under a new requestId"
    );
    refused(Failure::new(Reason::StackInProgress, message))
}
