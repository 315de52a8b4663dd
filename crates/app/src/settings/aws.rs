//! What `[aws]` means: whose control plane it is, and what things are called in the account.

use cc_devops_kernel::installation::Installation;
use cc_devops_kernel::names::Stage;

use super::file::{AwsSection, BackendName, ConfigFile};
use super::problems::Findings;

/// One stage's control plane in an AWS account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsSettings {
    /// Whose control plane.
    pub stage: Stage,
    /// Region, profile, and what is called otherwise than the template calls it.
    pub names: AwsSection,
}

impl AwsSettings {
    /// The stack that the control plane itself is deployed as, which no request may change.
    pub fn stack(&self) -> String {
        let stage = &self.stage;
        let named = self.names.stack.clone();
        named.unwrap_or_else(|| format!("cc-agent-devops-automation-{stage}"))
    }
}

/// Checks the section. Settings come of it where the backend is AWS.
pub(crate) fn check(
    file: &ConfigFile,
    installation: Option<&Installation>,
    findings: &mut Findings<'_>,
) -> Option<AwsSettings> {
    let (section, installation) = (&file.aws, installation?);
    let stage = match &section.stage {
        None => installation.stages.default_stage().clone(),
        Some(name) => findings.take("aws.stage", installation.stages.find(name))?,
    };
    let names = section.clone();
    (file.backend == BackendName::Aws).then_some(AwsSettings { stage, names })
}
