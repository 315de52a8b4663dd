//! What goes wrong, in Secrets Manager's words where it has some.

use crate::fault::Fault;

/// There is no such secret.
pub(super) fn no_secret() -> Fault {
    Fault::sender(
        "ResourceNotFoundException",
        "Secrets Manager can't find the specified secret.",
    )
}

/// There is no such version of it: named by its id or by its label.
pub(super) fn no_version(id: Option<&str>, label: &str) -> Fault {
    let which = match id {
        Some(id) => format!("VersionId: {id}"),
        None => format!("staging label: {label}"),
    };
    Fault::sender(
        "ResourceNotFoundException",
        format!("Secrets Manager can't find the specified secret value for {which}"),
    )
}

/// The version of the id has another label.
pub(super) fn other_label() -> Fault {
    Fault::sender(
        "InvalidRequestException",
        "You provided a VersionStage that is not associated to the provided VersionId.",
    )
}

/// A name with letters that no name has.
pub(super) fn bad_name() -> Fault {
    Fault::sender(
        "ValidationException",
        "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!",
    )
}

/// There is a secret of that name.
pub(super) fn exists(name: &str) -> Fault {
    Fault::sender(
        "ResourceExistsException",
        format!("The operation failed because the secret {name} already exists."),
    )
}

/// The token stands for another value.
pub(super) fn token_used(token: &str, arn: &str) -> Fault {
    Fault::sender(
        "ResourceExistsException",
        format!(
            "You can't use ClientRequestToken {token} because that value is already in use for a version of secret {arn}."
        ),
    )
}

/// No value was given.
pub(super) fn no_value() -> Fault {
    Fault::sender(
        "InvalidRequestException",
        "You must provide either SecretString or SecretBinary.",
    )
}

/// What is asked for cannot be, in a sentence.
pub(super) fn invalid(sentence: impl Into<String>) -> Fault {
    Fault::sender("InvalidParameterException", sentence)
}

/// A member that Secrets Manager has, and this has not.
pub(super) fn not_here(member: &str, why: &str) -> Fault {
    invalid(format!("the control plane takes no {member}: {why}"))
}
