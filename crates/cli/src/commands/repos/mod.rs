//! `repos`: the hygiene of every repository of a GitHub owner.

mod apply;
mod audit;
mod explain;
mod export;
mod fix;
mod plan;
mod planned;

use std::path::PathBuf;

use cc_devops_app::repositories::RepositoryTools;
use cc_devops_app::settings::login;
use cc_devops_repos::policy::Policy;

use crate::context::Context;
use crate::credentials::{self, GITHUB_TOKEN};
use crate::error::CliError;
use crate::store::{self, Opened};

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Hold every repository against the policy
    Audit(audit::Args),
    /// Show every rule for one repository, and what it came to
    Explain(explain::Args),
    /// Plan what would put breaches right, and with --apply do it
    Fix(fix::Args),
    /// Show which settings are not as the policy names them
    Plan(plan::Args),
    /// Bring settings to what the policy names, or carry a saved plan out
    Apply(apply::Args),
    /// Describe today's settings as a policy
    Export(export::Args),
}

/// Whose repositories, and what is demanded.
#[derive(Debug, clap::Args)]
pub(crate) struct Whose {
    /// The organisation or person, instead of the configuration's
    #[arg(long, value_name = "LOGIN", value_parser = login)]
    owner: Option<String>,
    /// A file with the repository policy, instead of the configuration's
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

/// Runs `repos`.
pub(crate) async fn run(context: &Context, command: Command) -> Result<(), CliError> {
    match command {
        Command::Audit(args) => Box::pin(audit::run(context, args)).await,
        Command::Explain(args) => Box::pin(explain::run(context, args)).await,
        Command::Fix(args) => Box::pin(fix::run(context, args)).await,
        Command::Plan(args) => Box::pin(plan::run(context, args)).await,
        Command::Apply(args) => Box::pin(apply::run(context, args)).await,
        Command::Export(args) => Box::pin(export::run(context, args)).await,
    }
}

impl Whose {
    /// Opens the store and puts together what looks after the repositories.
    pub(crate) async fn open(self, context: &Context) -> Result<(Opened, RepositoryTools), CliError> {
        let mut config = *context.load_settings()?.settings.repositories;
        config.owner = self.owner.unwrap_or(config.owner);
        if let Some(file) = self.policy {
            let text = std::fs::read_to_string(&file)
                .map_err(|error| CliError::Usage(format!("cannot read the policy {}: {error}", file.display())))?;
            config.policy = Policy::from_toml(&text).map_err(|errors| {
                let problems: Vec<String> = errors.0.iter().map(|problem| format!("\n  {problem}")).collect();
                CliError::Failed(format!(
                    "the policy {} has errors:{}",
                    file.display(),
                    problems.concat()
                ))
            })?;
        }
        let opened = store::open_or_make(context).await?;
        let given = credentials::given(GITHUB_TOKEN, &config.token, context.output);
        let tools = opened.capabilities.repositories_by(config, given);
        Ok((opened, tools))
    }
}

/// A repository's name without its owner, which may be named with it.
pub(crate) fn short_name(name: &str) -> String {
    name.rsplit('/').next().unwrap_or(name).to_owned()
}
