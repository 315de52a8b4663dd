//! What every command is given.

use cc_devops_app::settings::{self, LoadedSettings};

use crate::args::Global;
use crate::error::CliError;
use crate::output::Output;

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
