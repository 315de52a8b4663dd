//! What every command is given: the global flags, and where answers go.

use std::path::PathBuf;

use cc_devops_app::settings::file::{BackendName, LogFormat};
use cc_devops_app::settings::{self, LoadedSettings};
use clap::ArgAction;

use crate::error::CliError;
use crate::output::Output;

/// Flags that every command takes.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Folder that holds the database, the keys and the admin token
    #[arg(
        long,
        global = true,
        env = "CC_DEVOPS_DATA_DIR",
        value_name = "DIR",
        default_value = "cc-devops-data"
    )]
    pub(crate) data_dir: PathBuf,
    /// Configuration file; without it, cc-devops.toml in the current folder where there is one
    #[arg(long, global = true, env = "CC_DEVOPS_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where everything is kept and done: embedded or aws; without it, as the configuration says
    #[arg(
        long,
        global = true,
        env = "CC_DEVOPS_BACKEND",
        value_name = "BACKEND",
        hide_possible_values = true
    )]
    pub(crate) backend: Option<BackendName>,
    /// Whose control plane, on AWS; without it, as the configuration says, or else the first stage's
    #[arg(long, global = true, env = "CC_DEVOPS_AWS_STAGE", value_name = "STAGE")]
    pub(crate) aws_stage: Option<String>,
    /// AWS region; without it, the configuration's, the environment's or the profile's
    #[arg(long, global = true, value_name = "REGION")]
    pub(crate) region: Option<String>,
    /// AWS profile; without it, the configuration's or the environment's
    #[arg(long, global = true, value_name = "PROFILE")]
    pub(crate) profile: Option<String>,
    /// Answer in JSON, for programs
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// How log lines look: human or json; without it, as the configuration says
    #[arg(long, global = true, value_name = "FORMAT", hide_possible_values = true)]
    pub(crate) log_format: Option<LogFormat>,
    /// Log more; twice logs everything
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// What every command is given.
pub(crate) struct Context {
    /// The global flags.
    pub(crate) global: Global,
    /// Where answers go.
    pub(crate) output: Output,
}

impl Context {
    /// The settings in force.
    pub(crate) fn load_settings(&self) -> Result<LoadedSettings, CliError> {
        let global = &self.global;
        let loaded = settings::load(global.config.as_deref(), |file| {
            file.backend = global.backend.unwrap_or(file.backend);
            for (flag, key) in [
                (&global.aws_stage, &mut file.aws.stage),
                (&global.region, &mut file.aws.region),
                (&global.profile, &mut file.aws.profile),
            ] {
                if flag.is_some() {
                    key.clone_from(flag);
                }
            }
        });
        Ok(loaded?)
    }
}
