//! `repos explain`: one repository, rule by rule.

use cc_devops_reports::explain;
use cc_devops_repos::auditing::Ask;

use super::audit::refused;
use super::{Whose, short_name};
use crate::context::Context;
use crate::error::CliError;

const AFTER_HELP: &str = "\
The same facts as `repos audit` judges, and whether security updates are paused, which no list says.

Examples:
  cc-devops repos explain web
  cc-devops repos explain acme/web --json";

/// Which.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The repository
    #[arg(value_name = "REPOSITORY")]
    name: String,
    #[command(flatten)]
    whose: Whose,
}

/// Runs `repos explain`.
pub(super) async fn run(context: &Context, mut args: Args) -> Result<(), CliError> {
    if let Some((owner, _)) = args.name.split_once('/') {
        args.whose.owner.get_or_insert_with(|| owner.to_owned());
    }
    let (_opened, hygiene) = Box::pin(args.whose.open(context)).await?;
    let ask = Ask {
        only: vec![short_name(&args.name)],
        keep: false,
    };
    let report = hygiene.auditor.audit(&ask, &mut |_, _| ()).await.map_err(refused)?;
    let Some(repository) = report.repositories.first() else {
        return Err(CliError::Failed(format!("nothing is known of {}", args.name)));
    };
    context.output.answer(repository, || explain(repository))?;
    if report.complete {
        Ok(())
    } else {
        Err(CliError::Answered)
    }
}
