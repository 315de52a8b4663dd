//! What the configuration says about a stack, and what a deploy may ask of it.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cc_devops_kernel::names::{RequestId, Stage};
use cc_devops_kernel::outcome::{Failure, Reason};
use cc_devops_requests::DeployLambda;

use super::redaction::Secrets;
use super::supervisor::{Bytes, Order, PLAN_FILE, PlanFile};
use super::user::RunAs;

/// What a parameter's name is prefixed with in the command's environment, so that no parameter
/// can pass for `PATH` or `LD_PRELOAD`.
pub const PARAMETER_PREFIX: &str = "PARAM_";

/// A program with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine {
    /// The program; looked up on the server's `PATH` where it has no slash.
    pub program: OsString,
    /// Its arguments. No shell reads them.
    pub arguments: Vec<OsString>,
}

/// How a stack is deployed on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackCommand {
    /// The program; looked up on the server's `PATH` where it has no slash.
    pub program: OsString,
    /// Its arguments. No shell reads them.
    pub arguments: Vec<OsString>,
    /// What writes down beforehand what the command will change, in the same surroundings and within the same time.
    /// It changes nothing. None where nobody knows beforehand.
    pub plan_command: Option<CommandLine>,
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
    /// The user it runs as; the server's own where none is named.
    pub user: Option<RunAs>,
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

    /// What is blotted out of whatever a deploy's commands print or write.
    pub(super) fn secrets(&self, deploy: &DeployLambda) -> Secrets {
        let of_environment = self.secret_env.iter().filter_map(std::env::var_os);
        let of_deploy = deploy.parameters.iter();
        let of_deploy = of_deploy.filter(|(name, _)| self.secret_parameters.contains(name));
        let values: Vec<Bytes> = of_environment
            .map(Bytes::of)
            .chain(of_deploy.map(|(_, value)| Bytes::of(value)))
            .collect();
        Secrets::new(values.iter().map(Bytes::expose))
    }

    /// What the supervisor of the deploy's own command is told, with the file that its plan consists of.
    pub(super) fn order(&self, deploy: &DeployLambda, request: &RequestId, plan: Option<PlanFile>) -> Order {
        self.order_to(&self.program, &self.arguments, deploy, request, plan)
    }

    /// The same of a plan command.
    pub(super) fn order_plan(
        &self,
        line: &CommandLine,
        deploy: &DeployLambda,
        request: &RequestId,
        plan: PlanFile,
    ) -> Order {
        self.order_to(&line.program, &line.arguments, deploy, request, Some(plan))
    }

    /// What a run's supervisor is told. Nothing of the server's environment is in it but what is named.
    fn order_to(
        &self,
        program: &OsString,
        arguments: &[OsString],
        deploy: &DeployLambda,
        request: &RequestId,
        plan: Option<PlanFile>,
    ) -> Order {
        let mut variables: BTreeMap<OsString, OsString> = BTreeMap::new();
        let mut secrets = Vec::new();
        for name in self.env.iter().chain(&self.secret_env) {
            if let Some(value) = std::env::var_os(name) {
                if self.secret_env.contains(name) {
                    secrets.push(Bytes::of(&value));
                }
                variables.insert(name.into(), value);
            }
        }
        if let Some(user) = &self.user {
            for (name, value) in user.variables() {
                variables.insert(name.into(), value);
            }
        }
        for (name, value) in &deploy.parameters {
            if self.secret_parameters.contains(name) {
                secrets.push(Bytes::of(value));
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
        if let Some(plan) = &plan {
            variables.insert(PLAN_FILE.into(), plan.path().into());
        }
        Order {
            program: Bytes::of(found_program(program, std::env::var_os("PATH").as_deref())),
            arguments: arguments.iter().map(Bytes::of).collect(),
            working_dir: Bytes::of(&self.working_dir),
            variables: variables
                .iter()
                .map(|(name, value)| (Bytes::of(name), Bytes::of(value)))
                .collect(),
            secrets,
            limit_ms: u64::try_from(self.timeout.as_millis()).unwrap_or(u64::MAX),
            run_as: self.user.clone(),
            plan_file: plan,
        }
    }
}

/// A program, looked up on `path` where it has no slash. One that is not found is left as it is, for the system to
/// say so.
fn found_program(program: &OsString, path: Option<&OsStr>) -> OsString {
    let name = Path::new(program);
    if program.as_encoded_bytes().contains(&b'/') {
        return program.clone();
    }
    let can_run = |file: &PathBuf| {
        file.metadata()
            .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    std::env::split_paths(path.unwrap_or_default())
        .map(|folder| folder.join(name))
        .find(can_run)
        .map_or_else(|| program.clone(), PathBuf::into_os_string)
}
