//! `repos`: the hygiene of every repository of a GitHub owner.

mod apply;
mod audit;
mod explain;
mod export;
mod fix;
mod plan;
mod planned;

use std::path::{Path, PathBuf};

use cc_devops_app::in_memory;
use cc_devops_app::repositories::{RepositoryTools, Trouble};
use cc_devops_app::settings::login;
use cc_devops_kernel::ports::SecretVersion;
use cc_devops_repos::owner::{RepositoryNameError, of_owner};
use cc_devops_repos::policy::Policy;
use cc_devops_repos::rules::Rule;

use crate::commands::shell::shell_word;
use crate::context::Context;
use crate::credentials::{self, GITHUB_TOKEN};
use crate::error::CliError;
use crate::output::Output;
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
    /// Rules that are looked at whatever the policy says.
    #[arg(skip)]
    named: Vec<Rule>,
}

/// Which of the owner's repositories, and what is demanded of them.
#[derive(Debug, clap::Args)]
pub(crate) struct Chosen {
    /// Repositories; without one, all of the owner's
    #[arg(value_name = "REPOSITORY")]
    names: Vec<String>,
    #[command(flatten)]
    whose: Whose,
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

/// Whether a command keeps what it learns for the next time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeping {
    /// It does, and makes the data folder where there is none.
    Keeps,
    /// It only shows: where there is no data folder, none is made.
    Shows,
}

/// What a command on repositories works with.
pub(crate) struct Looking {
    /// What looks after the repositories.
    pub(crate) tools: RepositoryTools,
    /// The repositories that were named, without their owner.
    pub(crate) names: Vec<String>,
    /// Holds the store open.
    _opened: Option<Opened>,
}

impl Chosen {
    /// The same repositories and policy, as a shell takes them behind a command.
    pub(crate) fn as_written(&self) -> String {
        let mut written = String::new();
        for name in &self.names {
            written.push(' ');
            written.push_str(&shell_word(name));
        }
        written + &self.whose.as_written()
    }
}

impl Whose {
    /// The same owner and policy, as a shell takes them behind a command; nothing where the configuration has them.
    pub(crate) fn as_written(&self) -> String {
        let owner = self
            .owner
            .as_ref()
            .map(|owner| format!(" --owner {}", shell_word(owner)));
        let policy = self.policy.as_ref().map(|file| {
            let file = file.to_string_lossy();
            format!(" --policy {}", shell_word(&file))
        });
        owner.into_iter().chain(policy).collect()
    }

    /// The same, looking at these rules whatever the policy says.
    pub(crate) fn looking_at(self, rules: &[Rule]) -> Self {
        Self {
            named: rules.to_vec(),
            ..self
        }
    }

    /// Puts together what looks after the repositories. What was written wrong is said before anything is opened,
    /// read or made.
    pub(crate) async fn look(
        self,
        context: &Context,
        written: &[String],
        keeping: Keeping,
    ) -> Result<Looking, CliError> {
        let settings = context.load_settings()?.settings;
        let mut config = (*settings.repositories).clone();
        let owner = self.owner.or_else(|| config.owner.take());
        let owner = owner.ok_or_else(|| CliError::Usage(NOBODYS.to_owned()))?;
        let names = written.iter().map(|written| named(&owner, written));
        let names = names.collect::<Result<Vec<_>, _>>()?;
        if let Some(file) = self.policy {
            config.policy = policy(&file)?;
        }
        if context.output.shows_progress() {
            config.trouble = Some(Trouble::reporting(Output::trouble));
        }
        config.policy.look_at(&self.named);
        let given = credentials::given(GITHUB_TOKEN, &config.token, context.output);
        let secret = config.token.clone();
        let is_new = settings.aws.is_none() && !store::exists(&context.global.data_dir);
        let (tools, opened) = match given {
            None if is_new => return Err(CliError::no_github_token(&secret)),
            Some(token) if is_new && keeping == Keeping::Shows => {
                (in_memory::repositories(&settings, config, owner, token), None)
            }
            given => {
                let opened = store::open_or_make(context).await?;
                let is_kept = async || opened.ports.secrets.read(&secret, SecretVersion::Current).await;
                if given.is_none() && is_kept().await?.is_none() {
                    return Err(CliError::no_github_token(&secret));
                }
                let tools = opened.capabilities.repositories_by(config, owner, given);
                (tools, Some(opened))
            }
        };
        Ok(Looking {
            tools,
            names,
            _opened: opened,
        })
    }
}

/// What is said where nobody said whose repositories are meant.
const NOBODYS: &str = "whose repositories? Say it with --owner LOGIN, or set github.owner in the configuration";

/// The repository that is meant, without its owner.
fn named(owner: &str, written: &str) -> Result<String, CliError> {
    let meant = of_owner(Some(owner), written).map_err(|error| match &error {
        RepositoryNameError::OtherOwner { of, .. } => {
            CliError::Usage(format!("{error}: say --owner {of} if that one is meant"))
        }
        RepositoryNameError::NoOwner(_) | RepositoryNameError::NoName { .. } => CliError::Usage(error.to_string()),
    });
    Ok(meant?.to_string())
}

/// Reads the policy that a person named.
fn policy(file: &Path) -> Result<Policy, CliError> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| CliError::Usage(format!("cannot read the policy {}: {error}", file.display())))?;
    Policy::from_toml(&text).map_err(|errors| {
        let problems: Vec<String> = errors.0.iter().map(|problem| format!("\n  {problem}")).collect();
        let message = format!("the policy {} has errors:{}", file.display(), problems.concat());
        CliError::Usage(message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_chosen_is_written_as_a_shell_takes_it() {
        let chosen = Chosen {
            names: vec!["web".to_owned(), "acme/api".to_owned()],
            whose: Whose {
                owner: Some("acme".to_owned()),
                policy: Some(PathBuf::from("it's mine.toml")),
                named: Vec::new(),
            },
        };
        assert_eq!(
            chosen.as_written(),
            r" web acme/api --owner acme --policy 'it'\''s mine.toml'"
        );
    }
}
