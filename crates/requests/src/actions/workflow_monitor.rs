//! `workflow_monitor`: looks for failing workflows.

use cc_devops_kernel::outcome::Failure;
use cc_devops_policy::On;
use cc_devops_repos::work::WORKFLOW_MONITOR;

use super::action::{Action, Asked, Carrying};
use super::effect::Effect;
use super::params::{Kind, Param, Params, invalid};
use super::repositories::optional;
use crate::effects::RepositoryWork;

/// `workflow_monitor`.
pub static ACTION: Action = Action {
    name: WORKFLOW_MONITOR,
    summary: "Looks for failing workflows in one repository, or in all, and keeps an issue for each.",
    params: &[
        Param {
            name: "repository",
            rule: "optional: a name without the owner; all repositories where it is absent (`resource == \
                   ControlPlane::\"devops\"`)",
            kind: Kind::Text,
        },
        Param {
            name: "workflow",
            rule: "optional, with `repository`: the file of one workflow",
            kind: Kind::Text,
        },
    ],
    on: On::Repositories,
    staged: false,
    carrying: Carrying::Repositories,
    read,
};

fn read(mut params: Params, _asked: &Asked<'_>) -> Result<Box<dyn Effect>, Failure> {
    let repository = optional(&mut params)?;
    let workflow = params.optional("workflow")?;
    if workflow.is_some() && repository.is_none() {
        return Err(invalid("`workflow` needs `repository`: it is a file of one repository"));
    }
    Ok(Box::new(RepositoryWork::Monitor { repository, workflow }))
}
