//! Who clicked, and what is decided.

use cc_devops_deploys::{Door, PlanDigest, PlanId, PlanRecord, PlanState};
use cc_devops_fleet::{SlackUserId, SlackUsers};
use cc_devops_kernel::agent::Agent;
use cc_devops_kernel::ports::PortResult;
use cc_devops_notify::slack_click::{Choice, Click};
use cc_devops_requests::deploys::DecideError;
use cc_devops_requests::engine::ControlPlane;

use crate::answers::{Audience, Said};

/// Decides as the click says, if whoever clicked may.
///
/// # Errors
/// What a port says. Everything else is said to whoever clicked.
pub(crate) async fn decide(plane: &ControlPlane, click: &Click) -> PortResult<Said> {
    let operator = match operator(plane, click).await? {
        Ok(operator) => operator,
        Err(why) => {
            tracing::warn!(plan = click.plan, "somebody in Slack who may not decide clicked");
            return Ok(nothing(&why));
        }
    };
    let (Some(plan), Some(digest)) = (PlanId::read(&click.plan), PlanDigest::read(&click.digest)) else {
        return Ok(nothing("this button is of no plan."));
    };
    let decided = match click.choice {
        Choice::Approve => plane.approve_plan(&operator, Door::Slack, &plan, &digest, None).await,
        Choice::Deny => deny(plane, &operator, &plan, &digest).await,
    };
    match decided {
        Ok(record) => Ok(taken(&record, &operator, click.choice)),
        Err(DecideError::Port(error)) => Err(error),
        Err(late @ DecideError::Decided { .. }) => Ok(Said {
            text: format!("{}.", capitalised(&late.to_string()).trim_end_matches('.')),
            to: Audience::AllWithoutButtons,
        }),
        Err(error) => Ok(nothing(&format!("{}.", error.to_string().trim_end_matches('.')))),
    }
}

/// The operator who clicked, or why there is none.
async fn operator(plane: &ControlPlane, click: &Click) -> PortResult<Result<Agent, String>> {
    if !click.at_home {
        return Ok(Err(
            "you belong to another workspace than the one this app is in.".to_owned()
        ));
    }
    let Ok(user) = click.user.parse::<SlackUserId>() else {
        return Ok(Err("Slack does not say who you are.".to_owned()));
    };
    let ports = plane.ports();
    let users = SlackUsers {
        state: &*ports.state,
        agents: &*ports.agents,
        audit: &*ports.audit,
        clock: &*ports.clock,
    };
    Ok(users.operator(&user).await?.ok_or_else(|| {
        format!(
            "you are not known here as an operator. If you are to decide, an operator runs `cc-devops agents set NAME \
             --slack-user {user}` with your name."
        )
    }))
}

/// Denies what was shown: the plan of this digest.
async fn deny(
    plane: &ControlPlane,
    operator: &Agent,
    plan: &PlanId,
    digest: &PlanDigest,
) -> Result<PlanRecord, DecideError> {
    if let Some(shown) = plane.plan_head(plan).await?
        && shown.digest != *digest
    {
        return Err(DecideError::OtherDigest { is: shown.digest });
    }
    let reason = format!("denied in Slack by {}", operator.name);
    plane.deny_plan(operator, Door::Slack, plan, reason).await
}

/// What is said of a decision that was taken.
fn taken(record: &PlanRecord, operator: &Agent, choice: Choice) -> Said {
    match choice {
        Choice::Deny => Said {
            text: format!(
                "Denied by {} in Slack: plan {} of {} is not carried out.",
                operator.name, record.id, record.stack
            ),
            to: Audience::AllWithoutButtons,
        },
        Choice::Approve => {
            let by: Vec<&str> = record.approvals.iter().map(|approval| approval.by.as_str()).collect();
            let text = format!(
                "Plan {} of {} was approved by {}.",
                record.id,
                record.stack,
                by.join(", ")
            );
            if record.state == PlanState::Waiting {
                Said {
                    text: format!("{text} It is carried out as soon as the policies permit it with that."),
                    to: Audience::All,
                }
            } else {
                Said {
                    text,
                    to: Audience::AllWithoutButtons,
                }
            }
        }
    }
}

/// Nothing was decided.
fn nothing(why: &str) -> Said {
    Said {
        text: format!("Nothing was decided: {why}"),
        to: Audience::Clicker,
    }
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_uppercase().collect::<String>());
    first.unwrap_or_default() + chars.as_str()
}
