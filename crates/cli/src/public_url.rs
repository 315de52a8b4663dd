//! What ping addresses, badges and links begin with.

use std::net::SocketAddr;

use cc_devops_app::Settings;
pub(crate) use cc_devops_http::own_address::{listening, reachable};

use cc_devops_outbound::loopback::is_loopback_address;

use crate::context::Context;
use crate::data_dir::DataDir;
use crate::error::CliError;

/// The public address that the configuration names, or else the one at which the server on the data folder listens, or
/// else the one at which it would. Without a slash at its end.
pub(crate) fn public_url(context: &Context, settings: &Settings) -> Result<String, CliError> {
    if let Some(url) = &settings.server.public_url {
        return Ok(url.clone());
    }
    let (address, tls) = own_address(context, settings)?;
    Ok(listening(address, tls))
}

/// The address by which programs on this machine reach the server, or else the public one.
pub(crate) fn url_on_this_machine(context: &Context, settings: &Settings) -> Result<String, CliError> {
    let (address, tls) = own_address(context, settings)?;
    if is_loopback_address(address.ip()) {
        Ok(listening(address, tls))
    } else {
        public_url(context, settings)
    }
}

/// Where the server on the data folder listens, or else where it would, and whether it speaks TLS there.
fn own_address(context: &Context, settings: &Settings) -> Result<(SocketAddr, bool), CliError> {
    let running = match settings.aws {
        Some(_) => None,
        None => DataDir::new(&context.global.data_dir).running()?,
    };
    let (address, tls) = running.map_or_else(
        || (settings.server.listen, settings.server.tls.is_some()),
        |server| (server.address, server.tls),
    );
    Ok((reachable(address), tls))
}
