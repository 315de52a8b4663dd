//! The parameters of the actions on repositories.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::params::{Params, broken_name, invalid, wrong_type};
use crate::installation::Installation;
use crate::names::{ActionsSecretName, RepositoryName, SecretName};
use crate::requests::outcome::Failure;
use crate::requests::{Action, RepositoryWork};

/// The most secrets of one request; GitHub has 100 a repository.
const MAX_SECRETS: usize = 100;

pub(super) fn read(
    action: Action,
    params: Map<String, Value>,
    installation: &Installation,
) -> Result<RepositoryWork, Failure> {
    let known: &[&str] = match action {
        Action::MonitorWorkflows => &["repository", "workflow"],
        Action::ProtectBranches => &["repository", "dryRun"],
        Action::BootstrapRepoSecrets => &["repository", "secrets"],
        _ => &["repository"],
    };
    let mut params = Params {
        action: action.as_str(),
        known,
        left: params,
    };
    params.refuse_unknown()?;
    match action {
        Action::MonitorWorkflows => {
            let repository = optional(&mut params)?;
            let workflow = params.optional("workflow")?;
            if workflow.is_some() && repository.is_none() {
                return Err(invalid("`workflow` needs `repository`: it is a file of one repository"));
            }
            Ok(RepositoryWork::Monitor { repository, workflow })
        }
        Action::ProtectBranches => Ok(RepositoryWork::Protect {
            repository: required(&mut params)?,
            dry_run: match params.take("dryRun") {
                None => false,
                Some(Value::Bool(dry_run)) => dry_run,
                Some(other) => return Err(wrong_type("dryRun", "true or false", &other)),
            },
        }),
        Action::BootstrapRepoSecrets => Ok(RepositoryWork::SetSecrets {
            repository: required(&mut params)?,
            secrets: secrets(&mut params, installation)?,
        }),
        _ => Ok(RepositoryWork::Check {
            repository: optional(&mut params)?,
        }),
    }
}

fn required(params: &mut Params) -> Result<RepositoryName, Failure> {
    RepositoryName::new(params.required("repository")?).map_err(broken_name)
}

fn optional(params: &mut Params) -> Result<Option<RepositoryName>, Failure> {
    let name = params.optional("repository")?;
    name.map(RepositoryName::new).transpose().map_err(broken_name)
}

fn secrets(
    params: &mut Params,
    installation: &Installation,
) -> Result<BTreeMap<ActionsSecretName, SecretName>, Failure> {
    let namespace = installation.namespace.as_str();
    let mut secrets = BTreeMap::new();
    for (name, kept) in params.texts("secrets")? {
        let kept = SecretName::new(kept).map_err(broken_name)?;
        if kept.namespace() != namespace {
            return Err(invalid(format!(
                "every secret in `secrets` must lie under `/{namespace}/`"
            )));
        }
        secrets.insert(ActionsSecretName::new(name).map_err(broken_name)?, kept);
    }
    if secrets.is_empty() || secrets.len() > MAX_SECRETS {
        return Err(invalid(format!(
            "`secrets` must name 1 to {MAX_SECRETS} secrets, each as the name it gets and where its value is kept: \
             {{\"NPM_TOKEN\": \"/{namespace}/github/npm-token\"}}"
        )));
    }
    Ok(secrets)
}
