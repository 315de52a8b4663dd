//! Which addresses are not public: the special-purpose registries of IANA, what clouds answer
//! their machines on, and every IPv6 form that carries an IPv4 address of those.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where an address leads that is not public.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Range {
    /// This machine.
    Loopback,
    /// No machine, or this one: `0.0.0.0/8`, `::`.
    Unspecified,
    /// A network of somebody's own: RFC 1918, ULA, the old site-local addresses.
    Private,
    /// Behind a provider's address translation: `100.64.0.0/10`.
    Shared,
    /// The same wire, among it most clouds' metadata services.
    LinkLocal,
    /// A cloud's metadata service.
    Metadata,
    /// Many machines at once.
    Multicast,
    /// Examples, measurements, and what is set aside.
    Reserved,
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Loopback => "this machine",
            Self::Unspecified => "no machine",
            Self::Private => "a private network",
            Self::Shared => "a provider's shared network",
            Self::LinkLocal => "a link-local address",
            Self::Metadata => "a cloud's metadata service",
            Self::Multicast => "a multicast or broadcast address",
            Self::Reserved => "a reserved address",
        })
    }
}

/// The range an address lies in; none where it is public.
pub(crate) fn range(address: IpAddr) -> Option<Range> {
    match address {
        IpAddr::V4(address) => v4(address),
        IpAddr::V6(address) => v6(address),
    }
}

fn v4(address: Ipv4Addr) -> Option<Range> {
    Some(match address.octets() {
        [0, ..] => Range::Unspecified,
        [127, ..] => Range::Loopback,
        // The services of AWS, Google, Azure and others, of ECS tasks, of Alibaba, of Oracle, and
        // Azure's, which has a public address.
        [169, 254, 169, 254]
        | [169, 254, 170, 2 | 23]
        | [100, 100, 100, 200]
        | [192, 0, 0, 192]
        | [168, 63, 129, 16] => Range::Metadata,
        [169, 254, ..] => Range::LinkLocal,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Range::Private,
        [100, 64..=127, ..] => Range::Shared,
        [224..=239, ..] | [255, 255, 255, 255] => Range::Multicast,
        // Assignments of the IETF, three networks for examples, what was for 6to4 relays,
        // measurements, and the former class E.
        [192, 0, 0 | 2, _]
        | [198, 51, 100, _]
        | [203, 0, 113, _]
        | [192, 88, 99, _]
        | [198, 18..=19, ..]
        | [240..=255, ..] => Range::Reserved,
        _ => return None,
    })
}

fn v6(address: Ipv6Addr) -> Option<Range> {
    let segments = address.segments();
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        v4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        [0, 0, 0, 0, 0, 0, 0, 0] => Some(Range::Unspecified),
        [0, 0, 0, 0, 0, 0, 0, 1] => Some(Range::Loopback),
        // IPv4-compatible, long given up: no public host has one.
        [0, 0, 0, 0, 0, 0, high, low] => Some(embedded(high, low).unwrap_or(Range::Reserved)),
        // IPv4-mapped, what translators write for an IPv4 host, NAT64 by its well-known prefix, 6to4.
        [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => embedded(high, low),
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254] | [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254] => Some(Range::Metadata),
        // The last two groups of ISATAP carry an IPv4 address of the local site.
        [first, _, _, _, 0 | 0x200, 0x5efe, high, low] if in_use(first) => embedded(high, low),
        // Teredo and the other assignments of the IETF, and two networks for examples.
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Some(Range::Reserved),
        [0xfc00..=0xfdff | 0xfec0..=0xfeff, ..] => Some(Range::Private),
        [0xfe80..=0xfebf, ..] => Some(Range::LinkLocal),
        [0xff00..=0xffff, ..] => Some(Range::Multicast),
        [first, ..] if in_use(first) => None,
        // NAT64 for local use, the discard prefix, segment routing, and all that nobody was given.
        _ => Some(Range::Reserved),
    }
}

/// Whether a first group is of the space that public addresses are given from, `2000::/3`.
fn in_use(first: u16) -> bool {
    first & 0xe000 == 0x2000
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first and the last address of each range, and the neighbours that are public.
    const V4: [(&str, Option<Range>); 62] = [
        ("0.0.0.0", Some(Range::Unspecified)),
        ("0.255.255.255", Some(Range::Unspecified)),
        ("1.0.0.0", None),
        ("9.255.255.255", None),
        ("10.0.0.0", Some(Range::Private)),
        ("10.255.255.255", Some(Range::Private)),
        ("11.0.0.0", None),
        ("100.63.255.255", None),
        ("100.64.0.0", Some(Range::Shared)),
        ("100.100.100.200", Some(Range::Metadata)),
        ("100.127.255.255", Some(Range::Shared)),
        ("100.128.0.0", None),
        ("126.255.255.255", None),
        ("127.0.0.0", Some(Range::Loopback)),
        ("127.0.0.1", Some(Range::Loopback)),
        ("127.255.255.255", Some(Range::Loopback)),
        ("128.0.0.0", None),
        ("168.63.129.15", None),
        ("168.63.129.16", Some(Range::Metadata)),
        ("169.253.255.255", None),
        ("169.254.0.0", Some(Range::LinkLocal)),
        ("169.254.169.254", Some(Range::Metadata)),
        ("169.254.170.2", Some(Range::Metadata)),
        ("169.254.170.23", Some(Range::Metadata)),
        ("169.254.255.255", Some(Range::LinkLocal)),
        ("169.255.0.0", None),
        ("172.15.255.255", None),
        ("172.16.0.0", Some(Range::Private)),
        ("172.31.255.255", Some(Range::Private)),
        ("172.32.0.0", None),
        ("191.255.255.255", None),
        ("192.0.0.0", Some(Range::Reserved)),
        ("192.0.0.192", Some(Range::Metadata)),
        ("192.0.0.255", Some(Range::Reserved)),
        ("192.0.1.0", None),
        ("192.0.2.0", Some(Range::Reserved)),
        ("192.0.2.255", Some(Range::Reserved)),
        ("192.0.3.0", None),
        ("192.88.99.0", Some(Range::Reserved)),
        ("192.88.100.0", None),
        ("192.167.255.255", None),
        ("192.168.0.0", Some(Range::Private)),
        ("192.168.255.255", Some(Range::Private)),
        ("192.169.0.0", None),
        ("198.17.255.255", None),
        ("198.18.0.0", Some(Range::Reserved)),
        ("198.19.255.255", Some(Range::Reserved)),
        ("198.20.0.0", None),
        ("198.51.99.255", None),
        ("198.51.100.0", Some(Range::Reserved)),
        ("198.51.100.255", Some(Range::Reserved)),
        ("198.51.101.0", None),
        ("203.0.112.255", None),
        ("203.0.113.0", Some(Range::Reserved)),
        ("203.0.113.255", Some(Range::Reserved)),
        ("203.0.114.0", None),
        ("223.255.255.255", None),
        ("224.0.0.0", Some(Range::Multicast)),
        ("239.255.255.255", Some(Range::Multicast)),
        ("240.0.0.0", Some(Range::Reserved)),
        ("255.255.255.254", Some(Range::Reserved)),
        ("255.255.255.255", Some(Range::Multicast)),
    ];

    const V6: [(&str, Option<Range>); 38] = [
        ("::", Some(Range::Unspecified)),
        ("::1", Some(Range::Loopback)),
        ("64:ff9b:1::1", Some(Range::Reserved)),
        ("100::1", Some(Range::Reserved)),
        ("100:0:0:1::1", Some(Range::Reserved)),
        ("1fff:ffff::1", Some(Range::Reserved)),
        ("2000::1", None),
        ("2001::1", Some(Range::Reserved)),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", Some(Range::Reserved)),
        ("2001:2::1", Some(Range::Reserved)),
        ("2001:10::1", Some(Range::Reserved)),
        ("2001:20::1", Some(Range::Reserved)),
        ("2001:1ff:ffff::1", Some(Range::Reserved)),
        ("2001:200::1", None),
        ("2001:db7::1", None),
        ("2001:db8::1", Some(Range::Reserved)),
        ("2001:db9::1", None),
        ("2606:4700:4700::1111", None),
        ("3ffe:ffff::1", None),
        ("3fff::1", Some(Range::Reserved)),
        ("3fff:fff::1", Some(Range::Reserved)),
        ("3fff:1000::1", None),
        ("4000::1", Some(Range::Reserved)),
        ("5f00::1", Some(Range::Reserved)),
        ("fbff::1", Some(Range::Reserved)),
        ("fc00::1", Some(Range::Private)),
        ("fd00:ec2::254", Some(Range::Metadata)),
        ("fd20:ce::254", Some(Range::Metadata)),
        ("fdff:ffff::1", Some(Range::Private)),
        ("fe00::1", Some(Range::Reserved)),
        ("fe80::1", Some(Range::LinkLocal)),
        ("febf::1", Some(Range::LinkLocal)),
        ("fec0::1", Some(Range::Private)),
        ("feff::1", Some(Range::Private)),
        ("ff00::1", Some(Range::Multicast)),
        ("ff02::1", Some(Range::Multicast)),
        ("ff0e::1", Some(Range::Multicast)),
        ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Some(Range::Multicast)),
    ];

    #[test]
    fn each_range_begins_and_ends_where_it_should() {
        for (text, expected) in V4.into_iter().chain(V6) {
            assert_eq!(range(text.parse().unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn every_ipv6_form_of_an_ipv4_address_is_what_that_is() {
        for (text, expected) in V4 {
            let inner: Ipv4Addr = text.parse().unwrap();
            let [a, b, c, d] = inner.octets();
            let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            let forms = [
                [0, 0, 0, 0, 0, 0xffff, high, low],
                [0, 0, 0, 0, 0xffff, 0, high, low],
                [0x64, 0xff9b, 0, 0, 0, 0, high, low],
                [0x2002, high, low, 0, 0, 0, 0, 1],
                [0x2606, 1, 2, 3, 0, 0x5efe, high, low],
                [0x2606, 1, 2, 3, 0x200, 0x5efe, high, low],
            ];
            for form in forms {
                let form = IpAddr::V6(form.into());
                assert_eq!(range(form), expected, "{form} of {text}");
            }
            // These two are refused whatever they hold.
            let compatible = IpAddr::V6([0, 0, 0, 0, 0, 0, high, low].into());
            let teredo = IpAddr::V6([0x2001, 0, high, low, 0, 0, !high, !low].into());
            assert!(range(compatible).is_some() && range(teredo).is_some(), "{text}");
        }
    }
}
