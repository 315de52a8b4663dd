//! `repos explain`: one repository, rule by rule.

use cc_devops_reports::explain;
use cc_devops_repos::auditing::Ask;

use super::audit::refused;
use super::{Keeping, Whose};
use crate::context::Context;
use crate::error::{CliError, with_exit_codes};

const AFTER_HELP: &str = "\
The same facts as `repos audit` judges, and whether security updates are paused, which no list says.

Examples:
  cc-devops repos explain web
  cc-devops repos explain acme/web --json";

/// Which.
#[derive(Debug, clap::Args)]
#[command(after_help = with_exit_codes(AFTER_HELP))]
pub(crate) struct Args {
    /// The repository
    #[arg(value_name = "REPOSITORY")]
    name: String,
    #[command(flatten)]
    whose: Whose,
}

/// Runs `repos explain`.
pub(super) async fn run(context: &Context, args: Args) -> Result<(), CliError> {
    let written = std::slice::from_ref(&args.name);
    let looking = Box::pin(args.whose.look(context, written, Keeping::Shows)).await?;
    let ask = Ask {
        only: looking.names,
        keep: false,
    };
    let progress = context.output.progress("reading the repository:");
    progress.start();
    let audited = looking.tools.auditor.audit(&ask, &mut |_, _| ()).await;
    drop(progress);
    let report = audited.map_err(|error| refused(error, &ask.only))?;
    let Some(repository) = report.repositories.first() else {
        return Err(CliError::Failed(format!("nothing is known of {}", args.name)));
    };
    context.output.prose(repository, || explain(repository))?;
    if report.complete { Ok(()) } else { Err(CliError::Unread) }
}
