//! Connections to services of the network, such as an API or a store: by TLS with the authorities of this machine, and
//! through the proxy that the environment names.

use std::sync::Arc;

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::Matcher;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// What opens the connections of a client.
#[derive(Clone)]
pub enum Connector {
    Direct(HttpsConnector<HttpConnector>),
    Tunnelled(HttpsConnector<Tunnel<HttpConnector>>),
}

impl Connector {
    /// One for whatever lies beside an address, by a tunnel through the proxy of `HTTP_PROXY`, `HTTPS_PROXY` or
    /// `ALL_PROXY`, unless `NO_PROXY` has the host.
    pub fn towards(uri: &Uri) -> Self {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        let tls = HttpsConnectorBuilder::new().with_tls_config(tls());
        let tls = tls.https_or_http().enable_http1();
        let Some(proxy) = Matcher::from_env().intercept(uri) else {
            return Self::Direct(tls.wrap_connector(http));
        };
        let tunnel = Tunnel::new(proxy.uri().clone(), http);
        let tunnel = match proxy.basic_auth() {
            Some(password) => tunnel.with_auth(password.clone()),
            None => tunnel,
        };
        Self::Tunnelled(tls.wrap_connector(tunnel))
    }
}

fn tls() -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has suites for the default versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// An address with its port: a tunnel is made to 443 where none is named, whatever the scheme.
pub fn with_port(url: &str) -> Result<Uri, String> {
    let uri: Uri = url.parse().map_err(|_| "it is no address")?;
    if uri.scheme_str() != Some("http") || uri.port().is_some() {
        return Ok(uri);
    }
    let authority = format!("{}:80", uri.host().unwrap_or_default());
    let mut parts = uri.into_parts();
    parts.authority = authority.parse().ok();
    Uri::from_parts(parts).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tunnel_goes_to_the_port_of_the_scheme() {
        for (url, expected) in [
            ("http://api.test/a?b", "http://api.test:80/a?b"),
            ("http://[::1]/a", "http://[::1]:80/a"),
            ("http://api.test:8080/", "http://api.test:8080/"),
            ("https://api.test/a", "https://api.test/a"),
        ] {
            assert_eq!(with_port(url).expect("an address").to_string(), expected);
        }
        with_port("no address").expect_err("it has a blank");
    }
}
