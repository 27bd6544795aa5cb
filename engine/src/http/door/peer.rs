//! Who is at the other end: the connection, and the address behind the proxies we trust.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use axum::http::HeaderMap;
use ipnet::IpNet;

use crate::http::door::connections::Standing;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The other end of a connection; every request carries it.
#[derive(Clone, Debug)]
pub struct Peer {
    pub address: SocketAddr,
    pub standing: Arc<Standing>,
}

/// One party as far as addresses tell: an IPv4 address, or the IPv6 network that one line has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin(u128);

impl Origin {
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(address.to_ipv6_mapped().to_bits()),
            IpAddr::V6(address) => Self(address.to_bits() & !u128::from(u64::MAX)),
        }
    }

    /// Whose request it is. `X-Forwarded-For` is read only from a proxy that is trusted, from its end on:
    /// what stands before the first address we do not trust is what a stranger wrote.
    pub fn of_request(headers: &HeaderMap, peer: Option<&Peer>, proxies: &[IpNet]) -> Self {
        let mut nearest = peer.map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |peer| peer.address.ip().to_canonical());
        let values = headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok());
        let told: Vec<&str> = values.flat_map(|value| value.split(',')).collect();
        for further in told.into_iter().rev() {
            let is_trusted = proxies.iter().any(|network| network.contains(&nearest));
            let Some(address) = address(further.trim()).filter(|_| is_trusted) else { break };
            nearest = address;
        }
        Self::of(nearest)
    }
}

/// An address, with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    text.parse().ok().or_else(with_port).map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn origin(peer: &str, told: &[&'static str], proxies: &[&str]) -> Origin {
        let mut headers = HeaderMap::new();
        for value in told {
            headers.append(FORWARDED_FOR, HeaderValue::from_static(value));
        }
        let proxies: Vec<IpNet> = proxies.iter().map(|network| network.parse().unwrap()).collect();
        let peer = Peer { address: SocketAddr::new(peer.parse().unwrap(), 4711), standing: Arc::default() };
        Origin::of_request(&headers, Some(&peer), &proxies)
    }

    fn of(address: &str) -> Origin {
        Origin::of(address.parse().unwrap())
    }

    #[test]
    fn a_stranger_cannot_choose_an_address() {
        assert_eq!(origin("203.0.113.7", &["198.51.100.1"], &[]), of("203.0.113.7"));
        assert_eq!(origin("203.0.113.7", &["198.51.100.1"], &["10.0.0.0/8"]), of("203.0.113.7"));
        // The proxy appends what it saw; what stands before it is the stranger's.
        assert_eq!(origin("10.0.0.2", &["1.2.3.4, 203.0.113.7"], &["10.0.0.0/8"]), of("203.0.113.7"));
        assert_eq!(origin("10.0.0.2", &["1.2.3.4", "203.0.113.7:6000"], &["10.0.0.0/8"]), of("203.0.113.7"));
    }

    #[test]
    fn the_visitor_is_found_behind_several_proxies() {
        let proxies = ["10.0.0.0/8", "::1/128"];
        assert_eq!(origin("::1", &["203.0.113.7, 10.0.0.2"], &proxies), of("203.0.113.7"));
        assert_eq!(origin("::ffff:10.0.0.3", &["[2001:db8::7]:443"], &proxies), of("2001:db8::8"));
        assert_eq!(origin("10.0.0.2", &["nonsense"], &proxies), of("10.0.0.2"));
        assert_eq!(origin("10.0.0.2", &[], &proxies), of("10.0.0.2"));
    }

    #[test]
    fn one_line_is_one_party() {
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_ne!(of("127.0.0.1"), of("127.0.0.2"));
        assert_eq!(of("::ffff:127.0.0.1"), of("127.0.0.1"));
    }
}
