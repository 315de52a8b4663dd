//! What the ports are asked to do for a request: a secret to write, a stack to change, repositories to look after.

use std::collections::BTreeMap;
use std::fmt;

use cc_devops_kernel::names::{FullStackName, StackName, Stage};
pub use cc_devops_kernel::ports::{MAX_SECRET_BYTES, PutSecret};
pub use cc_devops_repos::work::RepositoryWork;

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
