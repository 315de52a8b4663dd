//! `repos export`: today's settings as a policy.

use std::path::PathBuf;

use cc_devops_app::settings::login;
use serde_json::json;

use super::planned::{Out, repositories};
use super::{Keeping, Whose};
use crate::context::Context;
use crate::error::{CliError, with_exit_codes};
use crate::output::Output;

const AFTER_HELP: &str = "\
What all repositories have alike stands under [defaults.settings], the rest by repository. What the
credential may not see, and repositories that are never written to, stand as comments. Secrets are
left out, because GitHub shows no value. With what is written as the policy, `repos plan` is empty.

Examples:
  cc-devops repos export acme --out repos.toml
  cc-devops repos export acme --repo web --repo api
  cc-devops repos export acme > repos.toml && cc-devops repos plan --policy repos.toml";

/// What to describe.
#[derive(Debug, clap::Args)]
#[command(after_help = with_exit_codes(AFTER_HELP))]
pub(crate) struct Args {
    /// The organisation or person; without it, the configuration's
    #[arg(value_name = "OWNER", value_parser = login)]
    owner: Option<String>,
    /// One repository, and others by naming it again; without it, all of the owner's
    #[arg(long, value_name = "NAME")]
    repo: Vec<String>,
    /// File to write instead of standard output; it must not exist yet
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Runs `repos export`.
pub(super) async fn run(context: &Context, args: Args) -> Result<(), CliError> {
    let output = context.output;
    let out = Out::begin(args.out)?;
    let whose = Whose {
        owner: args.owner,
        policy: None,
        named: Vec::new(),
    };
    let looking = Box::pin(whose.look(context, &args.repo, Keeping::Shows)).await?;
    let (hygiene, names) = (&looking.tools, &looking.names);
    let mut progress = output.progress("repositories read:");
    progress.start();
    let exported = hygiene
        .reconciler
        .export(names, &mut |done, total| progress.of(done, total))
        .await;
    drop(progress);
    let (exported, is_whole) = exported.map_err(|error| CliError::of_named(error, names))?;
    match out {
        Some(out) => {
            let file = out.finish(&exported.toml)?;
            let answer = json!({
                "file": file, "repositories": exported.repositories,
                "leftOut": exported.left_out,
            });
            output.answer(&answer, || {
                let mut lines = exported.left_out.clone();
                let described = repositories(exported.repositories);
                lines.push(format!("{file} describes {described}."));
                lines.join("\n")
            })?;
        }
        None if output.is_json() => Output::json_line(&json!({
            "toml": exported.toml, "repositories": exported.repositories, "leftOut": exported.left_out,
        }))?,
        None => Output::raw(&exported.toml)?,
    }
    if is_whole { Ok(()) } else { Err(CliError::Unread) }
}
