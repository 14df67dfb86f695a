//! Which hosts are this one.

use std::net::IpAddr;

/// Whether a name or an address, in brackets or not, is one of this host alone. `localhost.corp`
/// is another.
pub fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let is_address = |it: IpAddr| it.is_loopback() || it.is_unspecified();
    bare.eq_ignore_ascii_case("localhost") || bare.parse().is_ok_and(is_address)
}

/// A host without its port.
pub fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|it| it.is_ascii_digit()) => host,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_host_is_loopback() {
        for host in [
            "localhost",
            "LOCALHOST",
            "127.0.0.1",
            "127.1.2.3",
            "[::1]",
            "::1",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "localhost.corp",
            "localhost2",
            "127.evil.test",
            "127.0.0.1.nip.io",
            "",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
