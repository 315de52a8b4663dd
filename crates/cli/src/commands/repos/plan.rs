//! `repos plan`: which settings are not as the policy names them.

use std::path::PathBuf;

use cc_devops_kernel::ports::{Clock, SystemClock};
use cc_devops_kernel::text::counted;
use cc_devops_repos::settings::reconciling::Planned;
use cc_devops_repos::settings::saved::SavedPlan;
use serde_json::json;

use super::planned::{
    Out, changes, compared, document, is_in_part, is_plan_file, left_alone, not_read, planned_changes, shown,
};
use super::{Chosen, Keeping};
use crate::commands::shell::shell_word;
use crate::context::Context;
use crate::error::{CliError, with_exit_codes};

const AFTER_HELP: &str = "\
Only what the policy names is read and compared; docs/REPOS.md says how settings are written. Nothing
is changed. What could not be read is said, and nothing is proposed for it.

Something that is not as it is wanted ends it with exit code 1.

Examples:
  cc-devops repos plan
  cc-devops repos plan web --policy repos.toml
  cc-devops repos plan --out plan.json && cc-devops repos apply plan.json";

/// What to plan.
#[derive(Debug, clap::Args)]
#[command(after_help = with_exit_codes(AFTER_HELP))]
pub(crate) struct Args {
    #[command(flatten)]
    chosen: Chosen,
    /// File to save the plan to, for `repos apply`: it ends in .json, and must not exist yet
    #[arg(long, value_name = "FILE", value_parser = plan_file)]
    out: Option<PathBuf>,
}

fn plan_file(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    if is_plan_file(&path) {
        Ok(path)
    } else {
        Err("name a file that ends in .json, because `repos apply` takes no other for a plan".to_owned())
    }
}

/// The command that makes so what is shown.
fn to_apply(args: &Args) -> String {
    let what = match &args.out {
        Some(path) => format!(
            " {}{}",
            shell_word(&path.to_string_lossy()),
            args.chosen.whose.as_written()
        ),
        None => args.chosen.as_written(),
    };
    format!("cc-devops repos apply{what}")
}

/// Runs `repos plan`.
pub(super) async fn run(context: &Context, args: Args) -> Result<(), CliError> {
    let output = context.output;
    let to_apply = to_apply(&args);
    let out = Out::begin(args.out)?;
    let Chosen { names, whose } = args.chosen;
    let looking = Box::pin(whose.look(context, &names, Keeping::Shows)).await?;
    let (hygiene, names) = (&looking.tools, &looking.names);
    let planned = compared(context, hygiene, names).await?;
    let saved = out.map(|out| {
        let (now, plans) = (SystemClock.now(), planned.plans.clone());
        let saved = SavedPlan::new(&hygiene.owner, &hygiene.server, plans, now, &person());
        let text = serde_json::to_string_pretty(&saved);
        let text = text.map_err(|error| CliError::internal("a plan is no valid JSON", error))?;
        out.finish(&format!("{text}\n"))
    });
    let saved = saved.transpose()?;
    let (changed, _) = planned_changes(&planned.plans);
    let answer = json!({
        "owner": hygiene.owner, "compared": planned.compared, "changes": changed,
        "plans": planned.plans.iter().map(document).collect::<Vec<_>>(),
        "missing": planned.missing, "leftAlone": planned.left_alone,
        "requests": planned.spent.requests, "points": planned.spent.points,
        "saved": saved,
    });
    output.answer(&answer, || text(&planned, &to_apply))?;
    if changed > 0 {
        Err(CliError::Answered)
    } else if is_in_part(&planned) {
        Err(CliError::Unread)
    } else {
        Ok(())
    }
}

/// Who makes a plan, as the machine calls them.
fn person() -> String {
    let named = ["USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok());
    let named = named.filter(|name| !name.trim().is_empty());
    named.unwrap_or_else(|| format!("user {}", rustix::process::getuid().as_raw()))
}

fn text(planned: &Planned, to_apply: &str) -> String {
    let mut parts: Vec<String> = planned.plans.iter().map(shown).collect();
    parts.extend(not_read(&planned.missing));
    parts.extend(left_alone(&planned.left_alone));
    let compared = counted(planned.compared, "repository", "repositories");
    let (changed, in_repositories) = planned_changes(&planned.plans);
    parts.push(if changed > 0 {
        format!(
            "{} in {in_repositories} of {compared} compared. Nothing was changed; make it so with: {to_apply}",
            changes(changed)
        )
    } else if is_in_part(planned) {
        format!("What could be compared is as the policy names it, in {compared}.")
    } else {
        format!("Every setting is as the policy names it, in {compared}.")
    });
    parts.join("\n\n")
}
