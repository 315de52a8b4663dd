//! What this machine is, decided once: who listens, who calls, and where plain HTTP may go all ask here.
//! clippy refuses `is_loopback` of the standard library everywhere else.

use std::net::IpAddr;

use url::{Host, Url};

/// Whether an address is this machine's own: `127.0.0.0/8` (RFC 1122, 3.2.1.3) or `::1` (RFC 4291, 2.5.3). An
/// IPv4 address in its IPv6 form, as a socket for both shows its peers, is the IPv4 address.
///
/// ```
/// use cc_devops_outbound::loopback::is_loopback_address;
///
/// assert!(is_loopback_address("::ffff:127.0.0.1".parse()?));
/// assert!(!is_loopback_address("0.0.0.0".parse()?));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[expect(clippy::disallowed_methods, reason = "the one place that decides it")]
pub fn is_loopback_address(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// Whether a name always means this machine: `localhost` alone (RFC 6761, 6.3), in upper or lower case. Another
/// name that leads here is a trick or a mistake.
pub fn is_loopback_name(name: &str) -> bool {
    name.eq_ignore_ascii_case("localhost")
}

/// Whether a host as it stands in a URL or a `Host` header is this machine: its name, or an address of it with
/// or without the brackets of IPv6.
pub fn is_loopback_host(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match bare.unwrap_or(host).parse() {
        Ok(address) => is_loopback_address(address),
        Err(_) => is_loopback_name(host),
    }
}

/// Whether a URL leads to this machine, as far as it shows.
pub fn is_loopback_url(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => is_loopback_name(name),
        Some(Host::Ipv4(address)) => is_loopback_address(address.into()),
        Some(Host::Ipv6(address)) => is_loopback_address(address.into()),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_known_however_it_is_written() {
        for (host, expected) in [
            ("127.0.0.1", true),
            ("127.255.255.254", true),
            ("[::1]", true),
            ("[::ffff:127.0.0.1]", true),
            ("localhost", true),
            ("LocalHost", true),
            ("0.0.0.0", false),
            ("[::]", false),
            ("128.0.0.1", false),
            ("10.0.0.1", false),
            ("example.org", false),
            ("[::ffff:10.0.0.1]", false),
            ("localhost.example.org", false),
            ("127.0.0.1.example.org", false),
            ("my-localhost", false),
        ] {
            assert_eq!(is_loopback_host(host), expected, "{host}");
            let url = Url::parse(&format!("http://{host}:8080/x")).unwrap();
            assert_eq!(is_loopback_url(&url), expected, "{url}");
        }
        assert!(is_loopback_host("::1"));
        assert!(!is_loopback_host("") && !is_loopback_host("[localhost]"));
        assert!(!is_loopback_url(&Url::parse("data:text/plain,localhost").unwrap()));
    }
}
