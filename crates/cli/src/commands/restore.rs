//! `restore`: puts a backup in the database's place, on purpose and on record.

use std::path::PathBuf;

use cc_devops_embedded::{Restore, RestoreError, Restored};
use cc_devops_kernel::ports::{Clock as _, SystemClock};
use serde_json::json;

use super::times::show;
use crate::confirmation::{NOTHING_DONE, confirm};
use crate::context::Context;
use crate::data_dir::DataDir;
use crate::error::CliError;
use crate::store;

const AFTER_HELP: &str = "\
The server must be stopped. The backup is looked at as a whole first: the file, the master key, the
audit chain, the rows of agents and tokens. What is in the data folder is kept aside in a folder
`replaced-TIME` of it. Tokens and access keys that were revoked or replaced since the backup have ended
afterwards, if the database that is replaced can be read. The audit trail says what was done.

A backup opens with the master key of its time: master.key of the data folder, or --master-key.

Examples:
  cc-devops restore /var/backups/cc-devops-2026-01-31.db
  cc-devops restore backup.db --master-key old-master.key --yes --json";

/// Which backup.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Backup to put in place, as `backup` wrote it
    file: PathBuf,
    /// Master key of the backup's time, which becomes the data folder's
    #[arg(long, value_name = "FILE")]
    master_key: Option<PathBuf>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// Runs `restore`.
pub(crate) async fn run(context: &Context, args: Args) -> Result<(), CliError> {
    if context.load_settings()?.settings.aws.is_some() {
        return Err(CliError::Usage(
            "restoring a backup is for the embedded backend; on AWS the table has point-in-time recovery".to_owned(),
        ));
    }
    let dir = DataDir::new(&context.global.data_dir);
    dir.create()?;
    let _lock = dir.lock().await?;
    let progress = context.output.progress("looking at the backup");
    progress.start();
    let prepared = Restore::prepare(dir.path(), &args.file, store::master_key(), args.master_key.as_deref()).await;
    drop(progress);
    let restore = prepared.map_err(refused)?;
    let newest = restore.newest.map_or_else(|| "no row".to_owned(), show);
    let question = format!(
        "The backup holds {} audit row(s), the newest of {newest}. Everything after that is gone from {} afterwards. \
         Put it in place?",
        restore.rows,
        dir.path().display()
    );
    if !confirm(args.yes, &question)? {
        return Err(CliError::Failed(NOTHING_DONE.to_owned()));
    }
    let (authenticated, with_records) = (restore.authenticated, restore.with_records);
    let restored = restore.finish(SystemClock.now()).await.map_err(refused)?;
    let Restored {
        head,
        aside,
        ended_tokens,
        ended_keys,
        revoked,
        unknown,
    } = &restored;
    let file = args.file.display().to_string();
    let document = json!({
        "file": file, "head": head, "aside": aside, "endedTokens": ended_tokens, "endedKeys": ended_keys,
        "revoked": revoked, "unknown": unknown,
    });
    context.output.answer(&document, || {
        let kept = aside.as_ref().map_or_else(String::new, |folder| {
            format!("\nwhat was there is kept in {}", folder.display())
        });
        format!(
            "restored {file}; the audit trail ends with {head}\n{ended_tokens} token(s), {ended_keys} access key(s) and \
             {} agent(s) that ended since have ended{kept}",
            revoked.len()
        )
    })?;
    if !authenticated {
        context.output.note(
            "the backup is of a version that did not say whose its tokens are, so none of them is good: look at \
             `agents list`, then give each agent a new one with `agents rotate`",
        );
    }
    if !with_records {
        context.output.note(
            "the backup is of a version that did not say who wrote its records, so nobody is known in Slack: say anew \
             who is who with `agents set NAME --slack-user ID`",
        );
    }
    if let Some(why) = unknown {
        context.output.note(&format!(
            "{why}; so the tokens and access keys of the backup's time are good again: revoke what was revoked since"
        ));
    }
    context
        .output
        .note("start the server, then give the operator a new token with `cc-devops agents rotate admin`");
    Ok(())
}

fn refused(error: RestoreError) -> CliError {
    match error {
        RestoreError::NoBackup { .. } | RestoreError::Broken { .. } => CliError::Failed(error.to_string()),
        RestoreError::Store(error) => CliError::Port(error),
        error => CliError::open("the backup is not restored", error),
    }
}
