//! `[stacks.NAME]`: how stacks are deployed on this machine, and what they depend on on every backend.

#[cfg(feature = "embedded")]
mod meaning;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[cfg(feature = "embedded")]
pub(crate) use meaning::{check, not_permitted};

/// `[stacks.NAME]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StackSection {
    /// The program and its arguments; no shell stands between. Required where stacks are deployed by commands.
    #[serde(default)]
    #[schemars(length(min = 1), inner(length(min = 1)))]
    pub command: Vec<String>,
    /// What writes down beforehand what the command will change, into the file that CC_DEVOPS_PLAN_FILE names.
    #[serde(default)]
    #[schemars(length(min = 1), inner(length(min = 1)))]
    pub plan_command: Option<Vec<String>>,
    /// The stacks that have to be deployed before it, by name without the stage.
    #[serde(default)]
    pub depends_on: Vec<String>,
    /// The folder it runs in.
    #[serde(default)]
    pub working_dir: Option<String>,
    /// How long it may run, in seconds.
    #[serde(default = "default_stack_timeout")]
    #[schemars(range(min = 1, max = 86_400))]
    pub timeout_seconds: u32,
    /// Environment variables that are passed on to it.
    #[serde(default)]
    #[schemars(inner(regex(pattern = VARIABLE_NAME)))]
    pub env: Vec<String>,
    /// The same, and their values are blacked out of its output.
    #[serde(default)]
    #[schemars(inner(regex(pattern = VARIABLE_NAME)))]
    pub secret_env: Vec<String>,
    /// Parameters a request may give; parameter X is the command's environment variable PARAM_X.
    #[serde(default)]
    #[schemars(inner(regex(pattern = VARIABLE_NAME)))]
    pub parameters: Vec<String>,
    /// The same, and their values are blacked out of its output.
    #[serde(default)]
    #[schemars(inner(regex(pattern = VARIABLE_NAME)))]
    pub secret_parameters: Vec<String>,
    /// The stages it exists on; all where none is named.
    #[serde(default)]
    pub stages: Vec<String>,
    /// The user it runs as.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub user: Option<String>,
}

/// What an environment variable may be called.
pub(super) const VARIABLE_NAME: &str = "^[A-Za-z_][A-Za-z0-9_]*$";

fn default_stack_timeout() -> u32 {
    900
}
