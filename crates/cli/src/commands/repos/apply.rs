//! `repos apply`: settings brought to what the policy names, or a saved plan carried out.

use std::path::{Path, PathBuf};

use cc_devops_kernel::acts::Author;
use cc_devops_kernel::work::WorkHandle;
use cc_devops_repos::settings::reconciling::Planned;
use cc_devops_repos::settings::saved::SavedPlan;
use serde_json::json;

use super::planned::{
    carried_out, changes, compared, document, is_in_part, is_plan_file, left_alone, not_read, planned_changes,
    repositories, shown,
};
use super::{Keeping, Whose};
use crate::confirmation::{NOTHING_DONE, confirm};
use crate::context::Context;
use crate::error::{CliError, with_exit_codes};

const AFTER_HELP: &str = "\
What stands is merged with. Nothing is taken away that is not named, unless its section says
exact = true. Every change is made only where what stands is what it was planned against, and is on
record in the audit trail, before it is made and after.

A plan that `repos plan --out` saved is carried out exactly as it is, or refused where it was edited,
is for another owner or server, or the repository is another one by now. A repository whose name ends
in .json is written as owner/name.

Examples:
  cc-devops repos apply web
  cc-devops repos apply --yes --json
  cc-devops repos apply plan.json";

/// What to apply.
#[derive(Debug, clap::Args)]
#[command(after_help = with_exit_codes(AFTER_HELP))]
pub(crate) struct Args {
    /// Repositories, or the file of a saved plan; without one, all of the owner's
    #[arg(value_name = "REPOSITORY|PLAN")]
    names: Vec<String>,
    #[command(flatten)]
    whose: Whose,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// The file of a saved plan, where one is meant.
fn plan_file(names: &[String]) -> Result<Option<PathBuf>, CliError> {
    let is_file = |name: &&String| {
        let path = Path::new(name);
        is_plan_file(path) && (path.exists() || !is_full_name(name))
    };
    match (names.iter().find(is_file), names) {
        (None, _) => Ok(None),
        (Some(name), [_]) => Ok(Some(PathBuf::from(name))),
        (Some(name), _) => Err(CliError::Usage(format!(
            "{name} is a saved plan, which says itself for which repositories it is: name nothing else"
        ))),
    }
}

fn is_full_name(name: &str) -> bool {
    name.split('/').count() == 2
}

/// Runs `repos apply`.
pub(super) async fn run(context: &Context, args: Args) -> Result<(), CliError> {
    let output = context.output;
    let file = plan_file(&args.names)?;
    let text = match &file {
        None => None,
        Some(path) => Some(
            std::fs::read_to_string(path)
                .map_err(|error| CliError::Usage(format!("cannot read the plan {}: {error}", path.display())))?,
        ),
    };
    let written: &[String] = if file.is_some() { &[] } else { &args.names };
    let looking = Box::pin(args.whose.look(context, written, Keeping::Keeps)).await?;
    let hygiene = &looking.tools;
    let planned = match (&file, &text) {
        (Some(path), Some(text)) => {
            let refused = |error| CliError::Usage(format!("the plan {} is not carried out: {error}", path.display()));
            let saved = SavedPlan::read(text, &hygiene.owner, &hygiene.server).map_err(refused)?;
            Planned {
                plans: saved.plans,
                ..Planned::default()
            }
        }
        _ => compared(context, hygiene, &looking.names).await?,
    };
    let (changed, in_repositories) = planned_changes(&planned.plans);
    if changed > 0 {
        if !args.yes {
            let parts: Vec<String> = planned.plans.iter().map(shown).collect();
            output.note(&parts.join("\n\n"));
        }
        let question = format!("Make {} in {}?", changes(changed), repositories(in_repositories));
        if !confirm(args.yes, &question)? {
            // The drift stays.
            output.note(NOTHING_DONE);
            return Err(CliError::Answered);
        }
    }
    let mut progress = output.progress("repositories changed:");
    let mut applied = Vec::new();
    for (plan, done) in planned.plans.iter().zip(1..) {
        if !plan.drift.changes.is_empty() {
            let author = Author::operator();
            applied.extend(hygiene.reconciler.apply(plan, &author, &WorkHandle::default()).await?);
        }
        progress.of(done, planned.plans.len() as u64);
    }
    drop(progress);
    let answer = json!({
        "owner": hygiene.owner, "plans": planned.plans.iter().map(document).collect::<Vec<_>>(),
        "applied": applied, "missing": planned.missing, "leftAlone": planned.left_alone,
    });
    output.answer(&answer, || {
        let mut parts: Vec<String> = planned.plans.iter().map(|plan| carried_out(plan, &applied)).collect();
        parts.extend(not_read(&planned.missing));
        parts.extend(left_alone(&planned.left_alone));
        if changed == 0 && !is_in_part(&planned) {
            parts.push("There is nothing to do.".to_owned());
        }
        parts.join("\n\n")
    })?;
    if applied.iter().any(|applied| !applied.done) {
        Err(CliError::Answered)
    } else if is_in_part(&planned) {
        Err(CliError::Unread)
    } else {
        Ok(())
    }
}
