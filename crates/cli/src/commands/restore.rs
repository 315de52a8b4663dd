//! `restore`: puts a backup in the database's place, on purpose and on record.

use std::path::PathBuf;

use cc_devops_embedded::{EndedPart, Restore, RestoreError, Restored};
use cc_devops_kernel::ports::{Clock as _, SystemClock};
use serde::Serialize;

use super::times::show;
use crate::confirmation::{NOTHING_DONE, confirm};
use crate::context::Context;
use crate::data_dir::DataDir;
use crate::error::CliError;
use crate::store;

const AFTER_HELP: &str = "\
The server must be stopped. The backup is looked at as a whole first: the file, the master key, the
audit chain, the rows of agents and tokens. What is in the data folder is kept aside in a folder
`replaced-TIME` of it. Tokens, access keys and ping addresses that were ended or replaced since the
backup have ended afterwards, webhooks that were removed since are switched off, and who is who in Slack
and the key that values are sealed to stay, if the database that is replaced can be read, is the newest,
and its audit trail holds. Everybody signs in to the dashboard anew. The audit trail says what was done.

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
    let authenticated = restore.authenticated;
    let restored = restore.finish(SystemClock.now()).await.map_err(refused)?;
    let answer = Answer {
        file: args.file.display().to_string(),
        restored: &restored,
    };
    context.output.answer(&answer, || answer.text())?;
    if !authenticated {
        context.output.note(
            "the backup is of a version that did not say whose its tokens are, so none of them is good: look at \
             `agents list`, then give each agent a new one with `agents rotate`",
        );
    }
    for note in notes(&restored) {
        context.output.note(&note);
    }
    context
        .output
        .note("start the server, then give the operator a new token with `cc-devops agents rotate admin`");
    Ok(())
}

/// What the command answers.
#[derive(Serialize)]
struct Answer<'a> {
    file: String,
    #[serde(flatten)]
    restored: &'a Restored,
}

impl Answer<'_> {
    fn text(&self) -> String {
        let Restored { head, aside, ended, .. } = self.restored;
        let kept = aside.as_ref().map_or_else(String::new, |folder| {
            format!("\nwhat was there is kept in {}", folder.display())
        });
        format!(
            "restored {}; the audit trail ends with {head}\n{} token(s), {} access key(s), {} agent(s) and {} ping \
             address(es) or key(s) that ended since have ended\n{} session(s) of the dashboard have ended: sign in \
             again{kept}",
            self.file,
            ended.tokens,
            ended.keys,
            ended.revoked.len(),
            ended.addresses,
            ended.sessions.len()
        )
    }
}

/// What else is to be known, and done.
fn notes(Restored { ended, unknown, .. }: &Restored) -> Vec<String> {
    let mut notes = Vec::new();
    if !ended.webhooks_off.is_empty() {
        notes.push(format!(
            "switched off, because they were removed or switched off since: {}; `cc-devops webhooks enable ID` \
             switches one on, `cc-devops webhooks remove ID` removes it",
            ended.webhooks_off.join(", ")
        ));
    }
    if ended.sealing_key_kept {
        let note = "values are sealed to the key of before the restore; the one of the backup was replaced since";
        notes.push(note.to_owned());
    }
    if let Some(why) = unknown {
        let parts = ended.unknown.iter().filter(|part| **part != EndedPart::SlackUsers);
        let parts: Vec<String> = parts.map(ToString::to_string).collect();
        notes.push(if parts.is_empty() {
            why.clone()
        } else {
            format!(
                "{why}; so what is known to have ended has ended, and else these may be of the backup's time: {}; end \
                 again what was ended or replaced since",
                parts.join(", ")
            )
        });
    }
    let operators = ended.slack_users.keys().cloned().collect::<Vec<_>>().join(", ");
    if operators.is_empty() {
        return notes;
    }
    notes.push(if ended.unknown.contains(&EndedPart::SlackUsers) {
        format!(
            "nobody is known in Slack any more ({operators}): say anew who is who with `agents set NAME --slack-user \
             ID`"
        )
    } else {
        format!("in Slack these are who they were before the restore, not who they are in the backup: {operators}")
    });
    notes
}

fn refused(error: RestoreError) -> CliError {
    match error {
        RestoreError::NoBackup { .. } | RestoreError::Broken { .. } => CliError::Failed(error.to_string()),
        RestoreError::Store(error) => CliError::Port(error),
        error => CliError::open("the backup is not restored", error),
    }
}
