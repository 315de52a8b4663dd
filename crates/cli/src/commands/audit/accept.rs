//! `audit accept`: takes a trail that has gone back as it stands, on record.

use cc_devops_kernel::audit::{AuditEntry, actions};
use cc_devops_kernel::outcome::Status;
use cc_devops_kernel::ports::{Clock as _, SystemClock};
use serde_json::json;

use crate::confirmation::{NOTHING_DONE, confirm};
use crate::context::Context;
use crate::data_dir::DataDir;
use crate::error::CliError;
use crate::store::Opened;

pub(super) const AFTER_HELP: &str = "\
Where an older database was put in place, or the record beside it is gone, the server does not start:
tokens that were revoked since would be good again, and nobody would know what is missing. After you
have found out what happened, this takes what is there; the audit trail says that you did. To put a
backup in place on purpose use `restore`, which does this as well. The server must be stopped.

Example:
  cc-devops audit accept";

/// How to take it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// Runs `audit accept`.
pub(super) async fn run(context: &Context, opened: &Opened, args: &Args) -> Result<(), CliError> {
    let _lock = if opened.is_folder() {
        Some(DataDir::new(&context.global.data_dir).lock().await?)
    } else {
        None
    };
    let Some(doubt) = opened.doubt() else {
        let head = opened.ports.audit.mark(None).await?;
        return context.output.answer(&json!({"accepted": false, "head": head}), || {
            "nothing speaks against the audit trail".to_owned()
        });
    };
    if !confirm(args.yes, &format!("{doubt}. Take the audit trail as it stands?"))? {
        return Err(CliError::Failed(NOTHING_DONE.to_owned()));
    }
    let entry = AuditEntry {
        at: SystemClock.now(),
        principal: None,
        agent: None,
        action: actions::ROLL_BACK_ACCEPTED.to_owned(),
        request_id: None,
        stage: None,
        resource: None,
        status: Status::Success,
        reason: None,
        detail: json!({"by": "operator", "doubt": doubt.to_string()}),
    };
    let head = opened.accept(entry).await?;
    context.output.answer(&json!({"accepted": true, "head": head}), || {
        format!("the audit trail is taken as it stands; it ends with {head}")
    })
}
