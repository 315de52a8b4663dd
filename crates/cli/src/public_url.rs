//! What ping addresses, badges and links begin with.

use cc_devops_app::Settings;
pub(crate) use cc_devops_http::own_address::{listening, reachable};

use crate::context::Context;
use crate::data_dir::DataDir;
use crate::error::CliError;

/// The public address that the configuration names, or else the one at which the server on the data folder listens, or
/// else the one at which it would. Without a slash at its end.
pub(crate) fn public_url(context: &Context, settings: &Settings) -> Result<String, CliError> {
    if let Some(url) = &settings.server.public_url {
        return Ok(url.clone());
    }
    let running = match settings.aws {
        Some(_) => None,
        None => DataDir::new(&context.global.data_dir).running()?,
    };
    let (address, tls) = running.map_or_else(
        || (settings.server.listen, settings.server.tls.is_some()),
        |server| (server.address, server.tls),
    );
    Ok(listening(reachable(address), tls))
}
