//! The answer to "may they?", and why it is no.

use serde::Serialize;

use crate::access::Access;
use crate::names::AgentName;

/// What stands among the policies where the control plane's own secrets are closed. No policy overrules it.
const OWN_SECRETS: &str = "control-plane-secrets";

/// Why something is closed that no policy can open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Closed {
    /// It would change the control plane's own stack, which nobody does by a request.
    OwnStack,
    /// It is about a secret of the control plane's own, which is no agent's. Operators are asked of the policies.
    OwnSecret,
}

/// The answer to "may they?".
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// Whether they may.
    pub allowed: bool,
    /// The policies that decided; empty where nothing permitted.
    pub policies: Vec<String>,
    /// Policies that could not be evaluated; each denies.
    pub errors: Vec<String>,
    /// Why no policy can permit it, where none can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed: Option<Closed>,
}

impl Decision {
    /// Denied before any policy was asked.
    pub fn closed(closed: Closed) -> Self {
        let policies = match closed {
            Closed::OwnStack => Vec::new(),
            Closed::OwnSecret => vec![OWN_SECRETS.to_owned()],
        };
        Self {
            allowed: false,
            policies,
            errors: Vec::new(),
            closed: Some(closed),
        }
    }

    /// Denied because it could not be asked.
    pub fn unanswerable(error: String) -> Self {
        Self {
            allowed: false,
            policies: Vec::new(),
            errors: vec![error],
            closed: None,
        }
    }

    /// Why it was denied, for whoever asked.
    pub fn refusal(&self, who: &AgentName, access: &Access) -> String {
        let (action, resource) = (access.action(), access.resource());
        match self.closed {
            Some(Closed::OwnStack) => format!(
                "stack {resource} is the control plane's own, which no request may change and no policy can permit; an \
                 operator deploys it with `make deploy`"
            ),
            Some(Closed::OwnSecret) => format!(
                "{resource} is the control plane's own, so no agent does {action} on it, whatever the policies say; an \
                 operator can"
            ),
            None => format!("no policy lets {who} do {action} on {resource}; an operator can grant it"),
        }
    }
}
