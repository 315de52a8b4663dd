//! `protectBranches`: protects the default branch of a repository.

use cc_devops_kernel::outcome::Failure;
use cc_devops_policy::On;

use super::action::{Action, Asked, Carrying};
use super::effect::Effect;
use super::params::{Kind, Param, Params};
use super::repositories::required;
use crate::effects::RepositoryWork;

/// `protectBranches`.
pub static ACTION: Action = Action {
    name: "protectBranches",
    summary: "Protects a repository's default branch as the policy for repositories asks.",
    params: &[
        Param {
            name: "repository",
            rule: "required: a name without the owner",
            kind: Kind::Text,
        },
        Param {
            name: "dryRun",
            rule: "optional, `true`: tell what would be changed",
            kind: Kind::Flag,
        },
    ],
    on: On::Repository,
    staged: false,
    carrying: Carrying::Repositories,
    read,
};

fn read(mut params: Params, _asked: &Asked<'_>) -> Result<Box<dyn Effect>, Failure> {
    let repository = required(&mut params)?;
    let dry_run = params.flag("dryRun")?;
    Ok(Box::new(RepositoryWork::Protect { repository, dry_run }))
}
