//! A request's life: admit → authorise → execute → conclude.
//!
//! [`envelope`] reads the wire, [`admission`] makes a typed [`Command`] of it or says why not,
//! [`engine`] carries it out through the ports, [`outcome`] is what everyone is told, and
//! [`record`] is what the ledger remembers. [`relay`] publishes what was concluded, and [`bus`]
//! takes what others put on the event bus.

pub mod admission;
pub mod bus;
pub mod engine;
pub mod envelope;
pub mod execution;
pub mod fingerprint;
pub mod record;
pub mod relay;
pub mod running;
mod secrets;
pub mod stacks;
pub mod standing;
pub mod sweep;
pub mod task;
pub mod waiting;

pub use cc_devops_kernel::action::Action;
pub use cc_devops_kernel::agent::{Principal, Role};
pub use cc_devops_kernel::ports::{MAX_SECRET_BYTES, PutSecret};
pub use cc_devops_kernel::{course, outcome};
pub use cc_devops_repos::work::RepositoryWork;

use std::collections::BTreeMap;
use std::fmt;

use crate::names::{FullStackName, StackName, Stage};
use crate::sealed_values::SealedValue;
use crate::secret::SecretValue;

/// What a request asks for, checked.
#[derive(Clone)]
pub enum Command {
    /// Write a secret's next version.
    PutSecret(PutSecret<GivenValue>),
    /// Change a stack.
    DeployLambda(DeployLambda),
    /// Look at repositories, or change them.
    Repositories(RepositoryWork),
}

/// A secret's value as a request gives it.
#[derive(Clone)]
pub enum GivenValue {
    /// As it is.
    Plain(SecretValue),
    /// Sealed by whoever asks. It is opened when it is written, and not before.
    Sealed(SealedValue),
}

/// The parameters of `deployLambda`. Parameters' values and a template's text may be secret: its `Debug` shows
/// neither.
#[derive(Clone, PartialEq, Eq)]
pub struct DeployLambda {
    /// The stack without its stage.
    pub stack: StackName,
    /// Where to: the parameters' stage, else the request's.
    pub stage: Stage,
    /// The template; none keeps the previous one.
    pub template: Option<Template>,
    /// Parameters to change; those not named keep their previous value.
    pub parameters: BTreeMap<String, String>,
    /// Capabilities the change acknowledges, such as `CAPABILITY_IAM`.
    pub capabilities: Vec<String>,
    /// Tags for the stack.
    pub tags: BTreeMap<String, String>,
}

impl DeployLambda {
    /// The stack with its stage suffix.
    pub fn full_name(&self) -> FullStackName {
        self.stack.on(&self.stage)
    }
}

impl fmt::Debug for DeployLambda {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |values: &BTreeMap<String, String>| values.keys().cloned().collect::<Vec<_>>();
        f.debug_struct("DeployLambda")
            .field("stack", &self.stack)
            .field("stage", &self.stage)
            .field("template", &self.template)
            .field("parameters", &names(&self.parameters))
            .field("capabilities", &self.capabilities)
            .field("tags", &names(&self.tags))
            .finish()
    }
}

/// Where a stack's template comes from. An address may be signed, so its `Debug` shows neither that nor the text.
#[derive(Clone, PartialEq, Eq)]
pub enum Template {
    /// An address the provider reads.
    Url(String),
    /// The template's text.
    Body(String),
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, text) = match self {
            Self::Url(text) => ("Url", text),
            Self::Body(text) => ("Body", text),
        };
        f.debug_tuple(kind)
            .field(&format_args!("{} bytes", text.len()))
            .finish()
    }
}

impl Command {
    /// The action this command carries out.
    pub fn action(&self) -> Action {
        match self {
            Self::PutSecret(_) => Action::PutSecret,
            Self::DeployLambda(_) => Action::DeployLambda,
            Self::Repositories(work) => work.action(),
        }
    }

    /// What it is carried out on: the secret's name, the stack's full name, or the repository's; `*` for all
    /// repositories.
    pub fn resource(&self) -> String {
        match self {
            Self::PutSecret(put) => put.name.to_string(),
            Self::DeployLambda(deploy) => deploy.full_name().to_string(),
            Self::Repositories(work) => work.repository().map_or_else(|| "*".to_owned(), ToString::to_string),
        }
    }

    /// The stage it is carried out on, where the command has its own.
    pub fn stage(&self) -> Option<&Stage> {
        match self {
            Self::PutSecret(_) | Self::Repositories(_) => None,
            Self::DeployLambda(deploy) => Some(&deploy.stage),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_parameters_nor_templates_show_in_debug() {
        let planted = "hunter2-planted";
        let values = |key: &str| BTreeMap::from([(key.to_owned(), planted.to_owned())]);
        for template in [Template::Url(planted.to_owned()), Template::Body(planted.to_owned())] {
            let deploy = DeployLambda {
                stack: StackName::new("shop").unwrap(),
                stage: Stage::new("dev").unwrap(),
                template: Some(template),
                parameters: values("DbPassword"),
                capabilities: vec!["CAPABILITY_IAM".to_owned()],
                tags: values("owner"),
            };
            for shown in [format!("{deploy:?}"), format!("{:#?}", Some(&deploy))] {
                assert!(!shown.contains(planted), "{shown}");
                assert!(shown.contains("DbPassword") && shown.contains("15 bytes"), "{shown}");
            }
        }
    }
}
