//! Where this server is for browsers: what links begin with, which origins its own pages have, and whether it may show them
//! there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use cc_devops_outbound::Url;
use cc_devops_outbound::loopback::{is_loopback_address, is_loopback_url};

use crate::config::ServerConfig;

/// Where this server is for browsers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnAddress {
    listen: SocketAddr,
    base: String,
    origins: Vec<String>,
    in_the_clear: bool,
    keeps_no_cookie: bool,
}

impl OwnAddress {
    /// Where a server of this configuration is: at its public address, else where it listens.
    pub(crate) fn of(config: &ServerConfig) -> Self {
        let (listen, tls) = (config.listen, config.tls.is_some());
        let public = config.public_url.as_deref().and_then(|text| Url::parse(text).ok());
        let origins = match &public {
            Some(public) => vec![public.origin().ascii_serialization()],
            None => listening_origins(listen, tls, &config.names),
        };
        Self {
            listen,
            base: match &config.public_url {
                Some(public) => public.trim_end_matches('/').to_owned(),
                None => listening(reachable(listen), tls),
            },
            origins,
            in_the_clear: public.is_none() && !tls && !is_loopback_address(listen.ip()),
            keeps_no_cookie: public.is_some_and(|public| public.scheme() == "http" && !is_loopback_url(&public)),
        }
    }

    /// Where it listens, with its real port.
    pub fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// What links begin with; without a slash at its end.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The origins of this server's own pages, as browsers write them. They are never taken from `Host`, which can carry
    /// an attacker's name.
    pub fn origins(&self) -> &[String] {
        &self.origins
    }

    /// Whether others read along: plain HTTP beyond this machine, with nothing said of a proxy in front.
    pub fn in_the_clear(&self) -> bool {
        self.in_the_clear
    }

    /// Whether browsers keep no cookie there, because its public address is plain HTTP beyond this machine.
    pub fn keeps_no_cookie(&self) -> bool {
        self.keeps_no_cookie
    }
}

/// The origins of a server that has no public address.
fn listening_origins(listen: SocketAddr, tls: bool, names: &[String]) -> Vec<String> {
    let port = listen.port();
    let mut hosts = names.to_vec();
    if is_loopback_address(listen.ip()) || listen.ip().is_unspecified() {
        hosts.push("localhost".to_owned());
    }
    let by_host = hosts
        .iter()
        .map(|host| format!("{}://{host}:{port}", if tls { "https" } else { "http" }));
    [listening(listen, tls), listening(reachable(listen), tls)]
        .into_iter()
        .chain(by_host)
        .filter_map(|text| Some(Url::parse(&text).ok()?.origin().ascii_serialization()))
        .collect()
}

/// Where a server that listens there is reached from this machine: one that listens everywhere listens here.
pub fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => IpAddr::from(Ipv4Addr::LOCALHOST),
            SocketAddr::V6(_) => IpAddr::from(Ipv6Addr::LOCALHOST),
        });
    }
    address
}

/// The address of a server that listens there.
pub fn listening(address: SocketAddr, tls: bool) -> String {
    format!("{}://{address}", if tls { "https" } else { "http" })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::config::Tls;

    fn config(listen: &str, public_url: Option<&str>) -> ServerConfig {
        ServerConfig {
            listen: listen.parse().unwrap(),
            public_url: public_url.map(str::to_owned),
            ..ServerConfig::default()
        }
    }

    #[test]
    fn a_public_address_counts_alone() {
        for (public, origin) in [
            ("https://devops.example.org", "https://devops.example.org"),
            ("https://DevOps.example.org:443/control", "https://devops.example.org"),
            ("https://devops.example.org:8443", "https://devops.example.org:8443"),
            ("http://localhost:9000", "http://localhost:9000"),
        ] {
            let own = OwnAddress::of(&config("127.0.0.1:8787", Some(public)));
            assert_eq!(own.origins(), [origin]);
            assert_eq!(own.base(), public);
            assert!(!own.keeps_no_cookie(), "{public}");
        }
        let proxied = OwnAddress::of(&config("0.0.0.0:8787", Some("http://devops.example.org")));
        assert!(!proxied.in_the_clear() && proxied.keeps_no_cookie());
    }

    #[test]
    fn else_it_is_where_it_listens() {
        let own = OwnAddress::of(&config("127.0.0.1:8787", None));
        assert_eq!(own.base(), "http://127.0.0.1:8787");
        assert!(own.origins().contains(&"http://127.0.0.1:8787".to_owned()));
        assert!(own.origins().contains(&"http://localhost:8787".to_owned()));
        assert!(!own.in_the_clear());
        let own = OwnAddress::of(&config("[::1]:80", None));
        assert!(own.origins().contains(&"http://[::1]".to_owned()), "{own:?}");
        let named = ServerConfig {
            names: vec!["devops.example.org".to_owned()],
            tls: Some(Tls {
                certificate: PathBuf::new(),
                key: PathBuf::new(),
            }),
            ..config("0.0.0.0:443", None)
        };
        let own = OwnAddress::of(&named);
        assert_eq!(own.base(), "https://127.0.0.1:443");
        assert!(
            own.origins().contains(&"https://devops.example.org".to_owned()),
            "{own:?}"
        );
        assert!(!own.in_the_clear());
    }

    #[test]
    fn beyond_this_machine_plain_http_is_read_along() {
        for (listen, clear) in [
            ("0.0.0.0:80", true),
            ("10.0.0.5:80", true),
            ("[::]:80", true),
            ("127.3.2.1:80", false),
        ] {
            assert_eq!(OwnAddress::of(&config(listen, None)).in_the_clear(), clear, "{listen}");
        }
    }
}
