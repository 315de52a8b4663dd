//! `backup`: copies the database as a whole, while the control plane runs or not.

use std::path::PathBuf;

use serde_json::json;

use crate::context::Context;
use crate::error::CliError;
use crate::store;

const AFTER_HELP: &str = "\
The copy holds no key: keep the key file of the data folder apart from it. Both are needed to
restore.

Example:
  cc-devops backup /var/backups/cc-devops-2026-01-31.db";

/// Where to.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// File to write; it must not exist yet
    file: PathBuf,
}

/// Runs `backup`.
pub(crate) async fn run(context: &Context, args: Args) -> Result<(), CliError> {
    if args.file.exists() {
        return Err(CliError::Usage(format!(
            "{} exists already; name a new file",
            args.file.display()
        )));
    }
    let opened = store::open(context).await?;
    let progress = context.output.progress("copying the database");
    progress.start();
    opened.backup_to(&args.file).await?;
    drop(progress);
    let bytes = std::fs::metadata(&args.file).map(|meta| meta.len()).unwrap_or_default();
    let shown = args.file.display().to_string();
    context.output.answer(&json!({"file": shown, "bytes": bytes}), || {
        format!("copied to {shown} ({bytes} bytes)")
    })?;
    Ok(())
}
