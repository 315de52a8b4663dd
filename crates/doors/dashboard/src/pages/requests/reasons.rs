//! Why requests fail, and what to do then.

use cc_devops_kernel::outcome::Reason;

/// What a reason comes to, in a few words.
pub(super) fn words(reason: Reason) -> &'static str {
    match reason {
        Reason::SchemaValidationFailed => "the request did not have the right form",
        Reason::UnsupportedAction => "there is no such action",
        Reason::MissingParameter => "a parameter is missing",
        Reason::InvalidParameter => "a parameter is not allowed",
        Reason::SecurityViolation => "not permitted",
        Reason::RequestIdConflict => "the id was used before",
        Reason::MissingDependency => "something is not set up",
        Reason::StackNotFound => "there is no such stack",
        Reason::StackInProgress => "the stack is being changed",
        Reason::DeployFailed => "the deploy failed",
        Reason::ApiError => "another system refused or failed",
        Reason::Timeout => "it did not end in time",
        Reason::InternalError => "a fault of the control plane",
    }
}

/// What to do about it.
pub(super) fn remedy(reason: Reason) -> &'static str {
    match reason {
        Reason::SchemaValidationFailed => "Correct the request, and send it with a new id.",
        Reason::UnsupportedAction => "Correct the action, and send the request with a new id.",
        Reason::MissingParameter => "Add the parameter, and send the request with a new id.",
        Reason::InvalidParameter => "Correct the parameter, and send the request with a new id.",
        Reason::SecurityViolation => {
            "The agent asks under its own name and for what is its own, or an operator gives it the right. Then it sends \
             the request with a new id."
        }
        Reason::RequestIdConflict => {
            "Nothing was done, and the first request is untouched. Each request needs an id of its own."
        }
        Reason::MissingDependency => {
            "An operator finds in the log what is not set up. Then send the request with a new id."
        }
        Reason::StackNotFound => {
            "Correct the stack's name, or have the stack configured. Then send the request with a new id."
        }
        Reason::StackInProgress => {
            "Wait until the other change has ended, or look at the stack and free it: cc-devops stacks release. Then send \
             the request with a new id."
        }
        Reason::DeployFailed => "Read the output below, and look at the stack. Then send the request with a new id.",
        Reason::ApiError => {
            "The sentence says whether something may have been changed: then look first. Else try later, with a new id."
        }
        Reason::Timeout => "Look at what it should have changed. Then send the request with a new id.",
        Reason::InternalError => {
            "An operator looks at the log of the control plane. Then send the request with a new id."
        }
    }
}
