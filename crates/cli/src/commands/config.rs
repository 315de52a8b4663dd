//! `config`: what is wrong with the configuration, and what is in force.

use cc_devops_app::settings::{LoadedSettings, Problem};
use cc_devops_app::{policies, settings};
use serde_json::json;

use crate::context::Context;
use crate::error::CliError;

const CHECK_HELP: &str = "\
Every problem is reported at once, each with its key. Exit code 1 when there is one.

Examples:
  cc-devops config check
  cc-devops --config /etc/cc-devops.toml config check --json";

const SHOW_HELP: &str = "\
Shows every key: from the file, else from CC_DEVOPS__SECTION__KEY, else the default. The
environment counts more than the file. Of a channel's address the host alone is shown, because the
rest is often a secret.

Example:
  CC_DEVOPS__SERVER__LISTEN=127.0.0.1:9000 cc-devops config show";

/// What to do with the configuration.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Check the configuration and report all errors
    #[command(after_help = CHECK_HELP)]
    Check,
    /// Show the configuration in force, defaults included
    #[command(after_help = SHOW_HELP)]
    Show,
}

/// Runs `config`.
pub(crate) fn run(context: &Context, command: &Command) -> Result<(), CliError> {
    let output = context.output;
    match command {
        Command::Check => match context.load_settings().and_then(startable) {
            Ok(loaded) => {
                let Some(file) = loaded.source else {
                    return Err(CliError::Usage(format!(
                        "there is no configuration file to check: name it with --config or CC_DEVOPS_CONFIG, or go to the \
                         folder of {}; the defaults and the environment alone have no errors",
                        settings::DEFAULT_FILE
                    )));
                };
                let file = file.display().to_string();
                let document = json!({"file": file, "valid": true, "problems": []});
                output.answer(&document, || format!("{file}: no errors"))
            }
            Err(CliError::Config { file, problems }) => {
                let file = file.map(|file| file.display().to_string());
                let document = json!({"file": file, "valid": false, "problems": problems});
                output.answer(&document, || {
                    let named = file.as_deref().unwrap_or("the environment");
                    let mut text = format!("{named}: {} error(s)", problems.len());
                    for problem in &problems {
                        text.push_str("\n  ");
                        text.push_str(&problem.to_string());
                    }
                    text
                })?;
                Err(CliError::Answered)
            }
            Err(other) => Err(other),
        },
        Command::Show => {
            let shown = context.load_settings()?.file.shown();
            let text = toml::to_string(&shown)
                .map_err(|error| CliError::internal("the configuration cannot be written as TOML", error))?;
            output.answer(&shown, || text.trim_end().to_owned())
        }
    }
}

/// Refuses a configuration that is right and that no server would start with here.
fn startable(loaded: LoadedSettings) -> Result<LoadedSettings, CliError> {
    // Policies of one's own are part of the configuration.
    policies::in_force(&loaded.settings)?;
    let mut problems = loaded.settings.unusable_here();
    if let Some(tls) = &loaded.settings.server.tls {
        let unusable = tls.problems().into_iter();
        problems.extend(unusable.map(|(key, message)| Problem::new(key, message)));
    }
    if problems.is_empty() {
        return Ok(loaded);
    }
    let file = loaded.source;
    Err(CliError::Config { file, problems })
}
