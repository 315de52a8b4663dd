//! `smoke-test`: checks a deployed control plane from end to end.

#[cfg(feature = "aws")]
mod checks;

use crate::context::Context;
use crate::error::CliError;
use crate::store;

const AFTER_HELP: &str = "\
Checks the control plane of --aws-stage on AWS: the function answers, its agent is enabled, its
heartbeat is heard, a request goes the whole way from the bus to the ledger and its outcome back to
the bus, a permissions boundary bounds the role for deploys, the audit trail holds and has that
request, and no dead letters wait. The request asks for an action that does not exist, so nothing is
changed; --write sends one that writes a secret of the control plane's own, its value sealed.

Exit code 0 when all is well or there is a warning, 1 when a check fails.

Examples:
  cc-devops smoke-test --backend aws --aws-stage dev
  cc-devops smoke-test --backend aws --aws-stage dev --write --json";

/// What to check.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Write a secret as well: /NAMESPACE/<the control plane's name in lower case>/smoke-test
    #[arg(long)]
    write: bool,
}

/// Runs `smoke-test`.
pub(crate) async fn run(context: &Context, args: &Args) -> Result<(), CliError> {
    let settings = context.load_settings()?.settings;
    let Some(backend) = store::on_aws(&settings).await? else {
        return Err(CliError::Usage(
            "smoke-test checks a control plane on AWS: give --backend aws; an embedded one answers to `cc-devops health`"
                .to_owned(),
        ));
    };
    #[cfg(feature = "aws")]
    return checks::run(context, args, &settings.installation, &backend).await;
    #[cfg(not(feature = "aws"))]
    {
        let _ = args.write;
        match backend {}
    }
}
