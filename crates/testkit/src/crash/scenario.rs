//! The requests whose lives are lived through.

use std::collections::BTreeMap;

use cc_devops_kernel::agent::Role;
use cc_devops_kernel::names::{FullStackName, RequestId, SecretName};
use serde_json::{Value, json};

use crate::sample::{self, PLANTED_SECRET, STACK_SUCCEEDS};

/// A request to live through.
#[derive(Debug, Clone)]
pub struct Scenario {
    pub(super) event: Value,
    pub(super) take: bool,
    pub(super) crashes: usize,
    pub(super) may_fail_after_crash: bool,
    /// Who asks.
    pub(super) role: Role,
}

/// The repository that is worked on.
pub(super) const REPOSITORY: &str = "web";

/// The secrets that a repository is given, each as kept under [`kept`].
pub(super) const GIVEN: [&str; 3] = ["NPM_TOKEN", "PYPI_TOKEN", "SIGNING_KEY"];

/// Where a secret for a repository is kept.
pub(super) fn kept(name: &str) -> SecretName {
    sample::secret_name(&format!("/contentcraft/contentorchestrator/{}", name.to_lowercase()))
}

impl Scenario {
    /// A `putSecret` whose value is [`PLANTED_SECRET`], carried out as soon as it is received.
    pub fn put_secret() -> Self {
        Self::of(sample::put_secret_event(
            "crash-put",
            "/contentcraft/contentorchestrator/key",
            PLANTED_SECRET,
        ))
    }

    /// A `deployLambda` of [`STACK_SUCCEEDS`], carried out as soon as it is received.
    pub fn deploy_lambda() -> Self {
        Self::of(sample::deploy_event("crash-deploy", STACK_SUCCEEDS))
    }

    /// A `bootstrapRepoSecrets` of an operator, of three secrets whose value is [`PLANTED_SECRET`].
    pub fn repository_secrets() -> Self {
        let secrets: BTreeMap<&str, String> = GIVEN.iter().map(|name| (*name, kept(name).to_string())).collect();
        Self::of_operator(
            "crash-repository",
            "bootstrapRepoSecrets",
            &json!({"repository": REPOSITORY, "secrets": secrets}),
        )
    }

    /// A `github_repo_check` of an operator, of all repositories.
    pub fn repository_check() -> Self {
        Self::of_operator("crash-check", "github_repo_check", &json!({}))
    }

    /// A `workflow_monitor` of an operator, of all repositories.
    pub fn workflow_monitor() -> Self {
        Self::of_operator("crash-monitor", "workflow_monitor", &json!({}))
    }

    fn of_operator(id: &str, action: &str, params: &Value) -> Self {
        Self {
            role: Role::Admin,
            ..Self::of(sample::event(id, action, params))
        }
    }

    fn of(event: Value) -> Self {
        Self {
            event,
            take: true,
            crashes: 1,
            may_fail_after_crash: false,
            role: Role::Agent,
        }
    }

    /// The same, received without being taken: a sweep carries it out.
    #[must_use]
    pub fn left_for_a_sweep(mut self) -> Self {
        self.take = false;
        self
    }

    /// The same, with a second crash at every call of the recovery from the first.
    #[must_use]
    pub fn crashing_twice(mut self) -> Self {
        self.crashes = 2;
        self
    }

    /// The same, on a backend that may report an effect's fate as unknown after a crash.
    #[must_use]
    pub fn may_fail_after_crash(mut self) -> Self {
        self.may_fail_after_crash = true;
        self
    }

    pub(super) fn id(&self) -> RequestId {
        let id = self.event.pointer("/detail/requestId").and_then(Value::as_str);
        sample::request_id(id.expect("a scenario's event has a request id"))
    }

    /// The secret it writes, if it writes one.
    pub(super) fn secret(&self) -> Option<SecretName> {
        let name = self.event.pointer("/detail/params/name").and_then(Value::as_str)?;
        Some(sample::secret_name(name))
    }

    /// Whether it gives secrets to a repository.
    pub(super) fn gives_secrets(&self) -> bool {
        self.event.pointer("/detail/params/secrets").is_some()
    }

    /// The stack it changes, if it changes one.
    pub(super) fn stack(&self) -> Option<FullStackName> {
        let name = self.event.pointer("/detail/params/stackName").and_then(Value::as_str)?;
        Some(sample::stack(name))
    }

    /// The same request once more, under an id of its own.
    pub(super) fn next(&self) -> Value {
        let mut event = self.event.clone();
        event["detail"]["requestId"] = json!(format!("{}-next", self.id()));
        event
    }
}
