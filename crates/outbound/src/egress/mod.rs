//! The one way out to an address that somebody gave: a webhook's receiver, and whatever else comes
//! from outside and is not the operator's own configuration.
//!
//! A name is public when it is written down and private when it is asked for; so what counts is
//! the address that is connected to. It is checked where it comes out of name resolution, and the
//! connection is made to that very address. Nothing is followed, and no proxy of the environment
//! stands between, because a redirect or a proxy would go where nobody looked.

mod ranges;
mod resolver;

use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use ipnet::IpNet;
use url::{Host, Url};

use crate::loopback::{is_loopback_address, is_loopback_name};

pub use ranges::Range;
pub(crate) use resolver::CheckedNames;
pub use resolver::{LookUp, Names, SystemNames};

/// The longest address, in bytes.
pub const MAX_URL: usize = 2_048;

/// Why an address is not used. The text names neither the address nor what it leads to, so that it
/// may be shown to whoever gave it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is too long, or no address.
    #[error("`url` {0}")]
    Form(String),
    /// It holds a user name or password.
    #[error("`url` must not hold a user name or password; deliveries are signed instead")]
    Credentials,
    /// It is not encrypted and leaves this machine.
    #[error(
        "`url` must be https; http is taken only for this machine itself and for addresses that `egress.allow` names"
    )]
    Plain,
    /// It leads where nothing is sent.
    #[error("the address leads to {0}, where nothing is sent; an operator can allow it, see `egress.allow`")]
    Range(Range),
}

/// What the operator allows beside the public addresses: networks that would be refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allowed(Vec<IpNet>);

impl Allowed {
    /// These networks.
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    fn names(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// A network as it is written in the configuration: `10.0.0.0/8`, `fd00::/8`, or one address.
pub fn network(text: &str) -> Result<IpNet, String> {
    let network = IpNet::from_str(text).or_else(|_| IpAddr::from_str(text).map(IpNet::from));
    let network = network.map_err(|_| {
        format!("{text:?} is no network; write for example \"10.0.0.0/8\", \"fd00::/8\" or one address")
    })?;
    if network.trunc() == network {
        Ok(network)
    } else {
        Err(format!(
            "{text:?} has bits beyond its prefix; write \"{}\"",
            network.trunc()
        ))
    }
}

/// Decides which addresses are reached, and reaches them.
#[derive(Clone)]
pub struct Guard {
    allowed: Arc<Allowed>,
    names: Arc<dyn Names>,
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guard")
            .field("allowed", &self.allowed)
            .finish_non_exhaustive()
    }
}

impl Guard {
    /// Refuses what is not public, but for what is allowed. Names are those of the system.
    pub fn new(allowed: Allowed) -> Self {
        Self::with_names(allowed, Arc::new(SystemNames))
    }

    /// The same, with another source of names.
    pub fn with_names(allowed: Allowed, names: Arc<dyn Names>) -> Self {
        Self {
            allowed: Arc::new(allowed),
            names,
        }
    }

    /// Reads an address that somebody gives, and says whether it may be used as far as it shows:
    /// where a name leads is only known when it is connected to.
    pub fn read(&self, text: &str) -> Result<Url, Refused> {
        if text.len() > MAX_URL {
            return Err(Refused::Form(format!("may have {MAX_URL} bytes at most")));
        }
        let url = Url::parse(text).map_err(|error| Refused::Form(format!("is not an address: {error}")))?;
        self.admits(&url)?;
        // This machine written as nobody writes it (`2130706433`, `0x7f.1`) is a trick, as its IPv6 form is.
        if let Some(Host::Ipv4(address)) = url.host()
            && is_own(address.into())
            && !self.allowed.names(address.into())
            && !text.contains(&address.to_string())
        {
            return Err(Refused::Range(Range::Loopback));
        }
        Ok(url)
    }

    /// Whether an address may be used as far as it shows.
    pub fn admits(&self, url: &Url) -> Result<(), Refused> {
        let host = url.host().ok_or_else(|| Refused::Form("names no host".to_owned()))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refused::Credentials);
        }
        let plain = match url.scheme() {
            "https" => false,
            "http" => true,
            _ => return Err(Refused::Plain),
        };
        let address = match host {
            Host::Domain(name) if plain && !is_loopback_name(name) => return Err(Refused::Plain),
            Host::Domain(_) => return Ok(()),
            Host::Ipv4(address) => IpAddr::V4(address),
            Host::Ipv6(address) => IpAddr::V6(address),
        };
        let named = self.allowed.names(address.to_canonical());
        match ranges::range(address) {
            // Whoever writes this machine's own address means this machine.
            Some(Range::Loopback) if is_own(address) => Ok(()),
            Some(range) if !named => Err(Refused::Range(range)),
            None if plain && !named => Err(Refused::Plain),
            _ => Ok(()),
        }
    }

    /// Whether the address that a name led to may be connected to.
    fn leads_to(&self, name: &str, address: IpAddr) -> Result<(), Refused> {
        let Some(range) = ranges::range(address) else {
            return Ok(());
        };
        let own = is_loopback_name(name) && is_own(address);
        if own || self.allowed.names(address.to_canonical()) {
            Ok(())
        } else {
            Err(Refused::Range(range))
        }
    }
}

/// Whether an address is this machine's as people write it: in the IPv6 form of an IPv4 address it is a trick.
fn is_own(address: IpAddr) -> bool {
    address == address.to_canonical() && is_loopback_address(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(allowed: &[&str]) -> Guard {
        let networks = allowed.iter().map(|text| network(text).unwrap()).collect();
        Guard::new(Allowed::new(networks))
    }

    #[test]
    fn an_address_goes_over_tls_or_stays_on_this_machine() {
        let guard = guard(&[]);
        for good in [
            "https://example.org/hook?x=1",
            "https://example.org:8443",
            "https://93.184.215.14/",
            "https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/",
            "http://127.0.0.1:9000/hook",
            "http://localhost/hook",
            "http://[::1]:9000/",
            "https://localhost/hook",
        ] {
            assert!(guard.read(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "example.org",
            "http://example.org/",
            "http://93.184.215.14/",
            "http://127.0.0.1.example.org/",
            "http://localhost./",
            "ftp://example.org/",
            "file:///etc/passwd",
            "https://user:pass@example.org/",
            "https://",
        ] {
            assert!(guard.read(bad).is_err(), "{bad}");
        }
        assert!(
            guard
                .read(&format!("https://example.org/{}", "a".repeat(2_100)))
                .is_err()
        );
    }

    #[test]
    fn an_address_is_known_in_every_way_to_write_it() {
        let guard = guard(&[]);
        for bad in [
            "https://10.0.0.1/",
            "https://0xa.1/",
            "https://167772161/",
            "https://012.0.0.1/",
            "https://[::ffff:10.0.0.1]/",
            "https://[::ffff:7f00:1]/",
            "https://2130706433/",
            "http://2130706433/",
            "http://0x7f.1:8787/",
            "http://127.1/",
            "http://0177.0.0.1/",
            "https://169.254.169.254/latest/meta-data/",
            "https://[fd00:ec2::254]/",
            "https://0.0.0.0/",
            "https://[::]/",
        ] {
            assert!(matches!(guard.read(bad), Err(Refused::Range(_))), "{bad}");
        }
    }

    #[test]
    fn what_the_operator_names_is_allowed_and_its_neighbours_are_not() {
        let guard = guard(&["10.1.0.0/16", "fd12::/16", "192.168.7.7"]);
        for good in [
            "https://10.1.2.3/",
            "http://10.1.2.3/hook",
            "https://[::ffff:10.1.2.3]/",
            "https://[fd12::1]/",
            "https://192.168.7.7/",
        ] {
            assert!(guard.read(good).is_ok(), "{good}");
        }
        for bad in [
            "https://10.2.0.1/",
            "https://[fd13::1]/",
            "https://192.168.7.8/",
            "https://[64:ff9b::10.1.2.3]/",
        ] {
            assert!(guard.read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_the_name_of_this_machine_may_lead_to_it() {
        let guard = guard(&[]);
        let loopback: IpAddr = "127.0.0.1".parse().unwrap();
        assert!(guard.leads_to("localhost", loopback).is_ok());
        assert_eq!(
            guard.leads_to("localtest.example", loopback),
            Err(Refused::Range(Range::Loopback))
        );
        assert!(guard.leads_to("localhost", "10.0.0.1".parse().unwrap()).is_err());
    }

    #[test]
    fn a_network_is_read_exactly() {
        assert!(network("10.0.0.0/8").is_ok() && network("::1").is_ok() && network("0.0.0.0/0").is_ok());
        for bad in ["", "10.0.0.0/33", "10.0.0.1/8", "example.org", "10.0.0.0/", "10.0.0"] {
            assert!(network(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_refusal_shows_no_address() {
        let said = guard(&[]).read("https://10.9.8.7/secret").unwrap_err().to_string();
        assert!(said.contains("a private network") && !said.contains("10.9"), "{said}");
    }
}
