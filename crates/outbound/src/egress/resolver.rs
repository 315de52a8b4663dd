//! Names, and what of their answers is let through to the connection.

use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::{Guard, Refused};

/// What a name led to, or an error of the system.
pub type LookUp = Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send>>;

/// Where names are looked up.
pub trait Names: Send + Sync {
    /// The addresses of a name, as they are now.
    fn look_up(&self, name: &str) -> LookUp;
}

/// The names as this machine knows them.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemNames;

impl Names for SystemNames {
    fn look_up(&self, name: &str) -> LookUp {
        let name = name.to_owned();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// The resolver under the client. What it hands out is what is connected to; a name that is asked
/// again is checked again.
pub(crate) struct CheckedNames(pub(crate) Guard);

impl Resolve for CheckedNames {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.0.clone();
        Box::pin(async move {
            let found = guard.names.look_up(name.as_str()).await?;
            let mut refused: Option<Refused> = None;
            let mut open = Vec::with_capacity(found.len());
            for address in found {
                match guard.leads_to(name.as_str(), address) {
                    Ok(()) => open.push(SocketAddr::new(address, 0)),
                    Err(why) => refused = Some(why),
                }
            }
            match refused {
                Some(refused) if open.is_empty() => Err(refused.into()),
                _ => Ok(Box::new(open.into_iter()) as Addrs),
            }
        })
    }
}

impl<N: Names + ?Sized> Names for Arc<N> {
    fn look_up(&self, name: &str) -> LookUp {
        (**self).look_up(name)
    }
}
