//! `bootstrapRepoSecrets`: sets secrets for the workflows of a repository.

use std::collections::BTreeMap;

use cc_devops_kernel::installation::Installation;
use cc_devops_kernel::names::{ActionsSecretName, SecretName};
use cc_devops_kernel::outcome::Failure;
use cc_devops_policy::On;

use super::action::{Action, Asked, Carrying};
use super::effect::Effect;
use super::params::{Kind, Param, Params, broken_name, invalid};
use super::repositories::required;
use crate::effects::RepositoryWork;

/// The most secrets of one request; GitHub has 100 a repository.
const MAX_SECRETS: usize = 100;

/// `bootstrapRepoSecrets`.
pub static ACTION: Action = Action {
    name: "bootstrapRepoSecrets",
    summary: "Sets secrets for a repository's workflows, from secrets that are kept.",
    params: &[
        Param {
            name: "repository",
            rule: "required: a name without the owner",
            kind: Kind::Text,
        },
        Param {
            name: "secrets",
            rule: "required, 1 to 100: `{\"NPM_TOKEN\": \"/contentcraft/github/npm-token\"}`, the name it gets and the \
                   secret that holds its value; you need `readSecret` on each",
            kind: Kind::Named,
        },
    ],
    on: On::Repository,
    staged: false,
    carrying: Carrying::Repositories,
    read,
};

fn read(mut params: Params, asked: &Asked<'_>) -> Result<Box<dyn Effect>, Failure> {
    let repository = required(&mut params)?;
    let secrets = secrets(&mut params, asked.installation)?;
    Ok(Box::new(RepositoryWork::SetSecrets { repository, secrets }))
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
