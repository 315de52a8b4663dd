//! The answer to "may they?", and why it is no.

use serde::Serialize;

use crate::access::Access;
use crate::names::AgentName;

/// The answer to "may they?".
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// Whether they may.
    pub allowed: bool,
    /// The policies that decided; empty where nothing permitted.
    pub policies: Vec<String>,
    /// Policies that could not be evaluated; each denies.
    pub errors: Vec<String>,
}

impl Decision {
    /// What decides over the control plane's own secrets. No policy overrules it.
    pub const OWN_SECRETS: &str = "control-plane-secrets";

    /// Why it was denied, for whoever asked.
    pub fn refusal(&self, who: &AgentName, access: &Access) -> String {
        let (action, resource) = (access.action(), access.resource());
        if self.policies.iter().any(|policy| policy == Self::OWN_SECRETS) {
            return format!(
                "{resource} is the control plane's own, so no agent does {action} on it, whatever the policies say; an \
                 operator can"
            );
        }
        format!("no policy lets {who} do {action} on {resource}; an operator can grant it")
    }
}
