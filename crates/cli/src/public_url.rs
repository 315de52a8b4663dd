//! What ping addresses, badges and links begin with.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use cc_devops_app::Settings;

use crate::context::Context;
use crate::data_dir::DataDir;
use crate::error::CliError;

/// The public address that the configuration names, or else the one at which the server on the data folder listens, or
/// else the one at which it would. Without a slash at its end.
pub(crate) fn public_url(context: &Context, settings: &Settings) -> Result<String, CliError> {
    if let Some(url) = &settings.public_url {
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

/// Where a server that listens there is reached from this machine: one that listens everywhere listens here.
pub(crate) fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => IpAddr::from(Ipv4Addr::LOCALHOST),
            SocketAddr::V6(_) => IpAddr::from(Ipv6Addr::LOCALHOST),
        });
    }
    address
}

/// The address of a server that listens there.
pub(crate) fn listening(address: SocketAddr, tls: bool) -> String {
    format!("{}://{address}", if tls { "https" } else { "http" })
}
