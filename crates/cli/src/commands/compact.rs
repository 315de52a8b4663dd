//! `compact`: writes the database file anew, as short as what is in it.

use cc_devops_embedded::{OpenError, compact};
use serde_json::json;

use crate::context::Context;
use crate::data_dir::DataDir;
use crate::error::CliError;
use crate::store;

const AFTER_HELP: &str = "\
The server must be stopped, and the disk needs room for a second database. Once it was compacted, the
file shrinks by itself as rows are forgotten; one that this version made does so from the start.

Example:
  cc-devops compact --data-dir /var/lib/cc-devops";

/// Nothing to choose.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {}

/// Runs `compact`.
pub(crate) async fn run(context: &Context, _args: Args) -> Result<(), CliError> {
    if context.load_settings()?.settings.aws.is_some() {
        return Err(CliError::Usage(
            "compacting is for the embedded backend; on AWS there is no file".to_owned(),
        ));
    }
    let dir = DataDir::new(&context.global.data_dir);
    if !store::exists(dir.path()) {
        let path = dir.path().to_owned();
        return Err(store::refused(dir.path(), OpenError::Missing { path }));
    }
    dir.check()?;
    let _lock = dir.lock().await?;
    let progress = context.output.progress("compacting the database");
    progress.start();
    let folder = dir.path().to_owned();
    let compacted = tokio::task::spawn_blocking(move || compact(&folder))
        .await
        .map_err(|error| CliError::internal("compacting ended early", error))?
        .map_err(|error| store::refused(dir.path(), error))?;
    drop(progress);
    let (before, after) = (compacted.before, compacted.after);
    context.output.answer(&json!({"before": before, "after": after}), || {
        format!("compacted: {before} bytes before, {after} after")
    })
}
