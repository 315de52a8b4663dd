//! Secrets Manager: secrets as text, in the two versions that are kept of each, and older ones for a day.
//!
//! What it has and this has not is refused in words: bytes, labels of one's own, replicas, rotation by a function.

mod faults;
mod filters;
mod ids;
mod listing;
mod model;
mod reading;
mod writing;

use cc_devops_kernel::ports::SecretVersion;

use crate::operation::{Operation, Service};

/// The label of the newest version.
const CURRENT: &str = "AWSCURRENT";

/// The label of the version before.
const PREVIOUS: &str = "AWSPREVIOUS";

/// What is served of it.
pub(crate) fn operations() -> Vec<Operation> {
    let service = Service::SecretsManager;
    vec![
        Operation::of(
            service,
            "GetSecretValue",
            (&model::GET, &model::GOT),
            reading::get_secret_value,
        ),
        Operation::of(
            service,
            "DescribeSecret",
            (&model::DESCRIBE, &model::DESCRIBED),
            reading::describe_secret,
        ),
        Operation::of(
            service,
            "PutSecretValue",
            (&model::PUT, &model::WRITTEN_WITH_STAGES),
            writing::put_secret_value,
        ),
        Operation::of(
            service,
            "CreateSecret",
            (&model::CREATE, &model::WRITTEN),
            writing::create_secret,
        ),
        Operation::of(
            service,
            "UpdateSecret",
            (&model::UPDATE, &model::WRITTEN),
            writing::update_secret,
        ),
        Operation::of(
            service,
            "ListSecrets",
            (&model::LIST, &model::LISTED),
            listing::list_secrets,
        ),
    ]
}

/// The label that a version has.
fn label(version: SecretVersion) -> &'static str {
    match version {
        SecretVersion::Current => CURRENT,
        SecretVersion::Previous => PREVIOUS,
    }
}

/// The version that has a label; none where no version ever has it here.
fn labelled(label: &str) -> Option<SecretVersion> {
    match label {
        CURRENT => Some(SecretVersion::Current),
        PREVIOUS => Some(SecretVersion::Previous),
        _ => None,
    }
}
