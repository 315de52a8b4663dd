//! What the configuration says about a stack, and what a deploy may ask of it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use cc_devops_core::names::{RequestId, Stage};
use cc_devops_core::requests::DeployLambda;
use cc_devops_core::requests::outcome::{Failure, Reason};
use cc_devops_core::secret::SecretValue;

/// What a parameter's name is prefixed with in the command's environment, so that no parameter
/// can pass for `PATH` or `LD_PRELOAD`.
pub const PARAMETER_PREFIX: &str = "PARAM_";

/// How a stack is deployed on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackCommand {
    /// The program; looked up on the server's `PATH` where it has no slash.
    pub program: OsString,
    /// Its arguments. No shell reads them.
    pub arguments: Vec<OsString>,
    /// Where it runs.
    pub working_dir: PathBuf,
    /// How long it may run before it is stopped.
    pub timeout: Duration,
    /// Variables of the server's environment that it sees.
    pub env: Vec<String>,
    /// The same, and their values are blotted out of what it prints.
    pub secret_env: Vec<String>,
    /// Parameters that a deploy may give.
    pub parameters: Vec<String>,
    /// The same, and their values are blotted out of what it prints.
    pub secret_parameters: Vec<String>,
    /// Stages it can be deployed to; all where none is named.
    pub stages: Vec<Stage>,
}

/// A command's environment, and the values in it that must not be shown.
pub(super) struct Environment {
    pub(super) variables: Vec<(OsString, OsString)>,
    pub(super) secrets: Vec<SecretValue>,
}

impl StackCommand {
    /// Whether this stack can carry `deploy` out. Templates belong to CloudFormation: a command
    /// that silently ignored one would deploy something else than was asked for.
    pub(super) fn check(&self, deploy: &DeployLambda) -> Result<(), Failure> {
        let stack = &deploy.stack;
        if !self.stages.is_empty() && !self.stages.contains(&deploy.stage) {
            let known: Vec<&str> = self.stages.iter().map(Stage::as_str).collect();
            let message = format!(
                "stack {stack} is not configured for stage {}; it has: {}",
                deploy.stage,
                known.join(", ")
            );
            return Err(Failure::new(Reason::StackNotFound, message));
        }
        if deploy.template.is_some() {
            let message = format!(
                "stack {stack} is deployed by a command, which takes no template; leave `templateUrl` and `templateBody` out"
            );
            return Err(Failure::new(Reason::InvalidParameter, message));
        }
        let known = || self.parameters.iter().chain(&self.secret_parameters);
        match deploy.parameters.keys().find(|name| !known().any(|k| k == *name)) {
            None => Ok(()),
            Some(unknown) => {
                let list: Vec<&str> = known().map(String::as_str).collect();
                let takes = if list.is_empty() {
                    "none".to_owned()
                } else {
                    list.join(", ")
                };
                let message = format!("stack {stack} has no parameter {unknown:?}; it takes: {takes}");
                Err(Failure::new(Reason::InvalidParameter, message))
            }
        }
    }

    /// The whole environment of a run: nothing is inherited beside what is named.
    pub(super) fn environment(&self, deploy: &DeployLambda, request: &RequestId) -> Environment {
        let mut variables: BTreeMap<OsString, OsString> = BTreeMap::new();
        let mut secrets = Vec::new();
        for name in self.env.iter().chain(&self.secret_env) {
            if let Some(value) = std::env::var_os(name) {
                if self.secret_env.contains(name) {
                    secrets.push(SecretValue::new(value.to_string_lossy().into_owned()));
                }
                variables.insert(name.into(), value);
            }
        }
        for (name, value) in &deploy.parameters {
            if self.secret_parameters.contains(name) {
                secrets.push(SecretValue::new(value.clone()));
            }
            variables.insert(format!("{PARAMETER_PREFIX}{name}").into(), value.into());
        }
        for (name, value) in [
            ("CC_DEVOPS_STACK", deploy.full_name().as_str()),
            ("CC_DEVOPS_STAGE", deploy.stage.as_str()),
            ("CC_DEVOPS_REQUEST_ID", request.as_str()),
        ] {
            variables.insert(name.into(), value.into());
        }
        Environment {
            variables: variables.into_iter().collect(),
            secrets,
        }
    }
}
