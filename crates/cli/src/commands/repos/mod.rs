//! `repos`: the hygiene of every repository of a GitHub owner.

mod audit;
mod explain;
mod fix;

use std::path::PathBuf;

use cc_devops_app::repositories::RepositoryTools;
use cc_devops_app::settings::login;
use cc_devops_repos::policy::Policy;
use cc_devops_repos::rules::Rule;

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
    /// Rules that are looked at whatever the policy says.
    #[arg(skip)]
    named: Vec<Rule>,
}

/// Runs `repos`.
pub(crate) async fn run(context: &Context, command: Command) -> Result<(), CliError> {
    match command {
        Command::Audit(args) => Box::pin(audit::run(context, args)).await,
        Command::Explain(args) => Box::pin(explain::run(context, args)).await,
        Command::Fix(args) => Box::pin(fix::run(context, args)).await,
    }
}

impl Whose {
    /// The same, looking at these rules whatever the policy says.
    pub(crate) fn looking_at(self, rules: &[Rule]) -> Self {
        Self {
            named: rules.to_vec(),
            ..self
        }
    }

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
        config.policy.look_at(&self.named);
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
