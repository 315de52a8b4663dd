//! `github_repo_check`: holds repositories against the policy for them.

use cc_devops_kernel::outcome::Failure;
use cc_devops_policy::On;

use super::action::{Action, Asked, Carrying};
use super::effect::Effect;
use super::params::{Kind, Param, Params};
use super::repositories::optional;
use crate::effects::RepositoryWork;

/// `github_repo_check`.
pub static ACTION: Action = Action {
    name: "github_repo_check",
    summary: "Holds one repository, or all of the owner's, against the policy for repositories. Changes nothing.",
    params: &[Param {
        name: "repository",
        rule: "optional: a name without the owner; all repositories where it is absent (`resource == \
               ControlPlane::\"devops\"`)",
        kind: Kind::Text,
    }],
    on: On::Repositories,
    staged: false,
    carrying: Carrying::Repositories,
    read,
};

fn read(mut params: Params, _asked: &Asked<'_>) -> Result<Box<dyn Effect>, Failure> {
    let repository = optional(&mut params)?;
    Ok(Box::new(RepositoryWork::Check { repository }))
}
