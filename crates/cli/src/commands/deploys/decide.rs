//! `deploys approve` and `deploys deny`.

use cc_devops_deploys::PlanDigest;
use serde_json::json;

use super::plan::{Plan, read};
use super::{Acting, plan_id, post};
use crate::context::Context;
use crate::error::CliError;
use crate::output::visible;

const APPROVE_HELP: &str = "\
An approval is good for what the digest stands for, and for nothing else: look at the plan with
`cc-devops deploys show PLAN`, which has the digest at its end, and give all of it here. Approving twice is one
approval. Once the policies permit the plan, it is carried out. Who approves is who the token belongs to.

Exit code 1 says that the plan has another digest, none yet, or was decided already; 4 that the policies
let somebody else approve it.

Examples:
  cc-devops deploys approve plan-0f3a8c21d4e5b6978810aacc --digest \"$DIGEST\"
  cc-devops deploys approve plan-0f3a8c21d4e5b6978810aacc --digest \"$DIGEST\" --comment \"backup is made\"";

const DENY_HELP: &str = "\
Nothing of it is carried out, and what was prepared is removed. The request ends as security_violation with
the reason.

Example:
  cc-devops deploys deny plan-0f3a8c21d4e5b6978810aacc --reason \"not before the backup\"";

/// What is approved.
#[derive(Debug, clap::Args)]
#[command(after_help = APPROVE_HELP)]
pub(crate) struct Approve {
    /// Name of the plan
    plan: String,
    /// Digest of the plan as it was looked at, all 64 digits of it
    #[arg(long, value_name = "DIGEST")]
    digest: Option<String>,
    /// What to say with it
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
    #[command(flatten)]
    acting: Acting,
}

/// What is denied, and why.
#[derive(Debug, clap::Args)]
#[command(after_help = DENY_HELP)]
pub(crate) struct Deny {
    /// Name of the plan
    plan: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    acting: Acting,
}

/// Runs `deploys approve`.
pub(super) async fn approve(context: &Context, args: Approve) -> Result<(), CliError> {
    let plan = plan_id(&args.plan)?;
    let plan = plan.as_str();
    let digest = whole(plan, args.digest.as_deref())?;
    let mut body = json!({"digest": digest});
    if let (Some(comment), Some(fields)) = (args.comment, body.as_object_mut()) {
        fields.insert("comment".to_owned(), json!(comment));
    }
    let answer = post(context, &args.acting, &["v1", "deploys", plan, "approve"], &body).await?;
    let now: Plan = read(&answer)?;
    context.output.answer(&answer, || {
        let stands = match now.state.as_str() {
            "waiting" => match &now.frozen {
                Some(frozen) => format!("it waits: {frozen}"),
                None => "it is carried out once the policies permit it".to_owned(),
            },
            state => format!("it is {state}"),
        };
        format!("{plan} of {} is approved; {}", visible(&now.stack), visible(&stands))
    })?;
    context
        .output
        .note(&format!("see what becomes of it with: cc-devops deploys show {plan}"));
    Ok(())
}

/// The digest, where all of it was given.
fn whole(plan: &str, given: Option<&str>) -> Result<PlanDigest, CliError> {
    let Some(given) = given else {
        return Err(CliError::Usage(format!(
            "say what you approve: `cc-devops deploys show {plan}` shows what the plan changes, and its digest at the \
             end; then `cc-devops deploys approve {plan} --digest DIGEST`"
        )));
    };
    let digest = PlanDigest::read(given);
    digest.ok_or_else(|| {
        CliError::Usage(format!(
            "--digest must be the whole digest, 64 digits of 0-9 and a-f, and this has {} characters; `cc-devops deploys \
             show {plan}` has it at the end",
            given.chars().count()
        ))
    })
}

/// Runs `deploys deny`.
pub(super) async fn deny(context: &Context, args: Deny) -> Result<(), CliError> {
    let plan = plan_id(&args.plan)?;
    let plan = plan.as_str();
    let body = json!({"reason": args.reason});
    let answer = post(context, &args.acting, &["v1", "deploys", plan, "deny"], &body).await?;
    let now: Plan = read(&answer)?;
    context
        .output
        .answer(&answer, || format!("{plan} of {} is denied", visible(&now.stack)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ExitCodes;

    #[test]
    fn only_a_whole_digest_is_one() {
        let digest = "0123456789abcdef".repeat(4);
        assert_eq!(whole("plan-x", Some(&digest)).unwrap().as_str(), digest);
        for part in [&digest[..12], &digest[..63], "", &digest.to_uppercase()] {
            let refused = whole("plan-x", Some(part)).unwrap_err();
            assert_eq!(refused.code(ExitCodes::Common), 2);
            assert!(refused.to_string().contains("the whole digest"), "{refused}");
        }
        let refused = whole("plan-x", None).unwrap_err();
        assert!(refused.to_string().contains("deploys show plan-x"), "{refused}");
    }
}
