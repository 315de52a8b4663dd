//! Credentials of other systems that an operator's command is given in its environment.
//!
//! For commands alone: what `serve` asks others with is what the configuration names, whatever the environment of
//! its start holds by chance.

use cc_devops_kernel::names::SecretName;
use cc_devops_kernel::secret::SecretValue;

use crate::output::Output;

/// The variable that holds GitHub's token.
pub(crate) const GITHUB_TOKEN: &str = "GITHUB_TOKEN";

/// The variable that holds Stripe's key.
pub(crate) const STRIPE_KEY: &str = "STRIPE_API_KEY";

/// What the environment of a command holds, which counts more than the secret of that name. It is said where that
/// is so.
pub(crate) fn given(variable: &str, secret: &SecretName, output: Output) -> Option<SecretValue> {
    let found = held(variable)?;
    output.note(&format!(
        "{variable} of the environment is used, not the secret {secret}"
    ));
    Some(found)
}

/// Says of those that a server does not use that they are there.
pub(crate) fn not_used() {
    for variable in [GITHUB_TOKEN, STRIPE_KEY] {
        if held(variable).is_some() {
            tracing::warn!(
                "{variable} is in the environment and is not used: the server takes the secret that the configuration \
                 names"
            );
        }
    }
}

fn held(variable: &str) -> Option<SecretValue> {
    let found = std::env::var(variable).ok();
    found.filter(|text| !text.trim().is_empty()).map(SecretValue::new)
}
