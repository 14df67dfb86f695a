//! TLS sessions. Takes whom to trust, begins sessions on open streams, and promises that a
//! session speaks the protocol that was asked for.

use std::io;
use std::sync::Arc;

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{self, CertificateError, ClientConfig};

use super::stream::Stream;
use super::trust::verifier;
use super::{Error, Refusal};
use crate::model::{Origin, Tls, Trust};

/// The protocol names of RFC 7301.
const HTTP1: &[u8] = b"http/1.1";
const HTTP2: &[u8] = b"h2";

/// What all sessions with one server have in common.
pub(super) struct Session {
    connector: TlsConnector,
    name: ServerName<'static>,
    http2: bool,
}

impl Session {
    pub(super) fn new(origin: &Origin, tls: &Tls) -> Result<Self, Error> {
        let name = tls.name.as_deref().unwrap_or(origin.host());
        let http2 = origin.transport.http2;
        let mut config = config(&tls.trust)?;
        config.alpn_protocols = vec![if http2 { HTTP2 } else { HTTP1 }.to_vec()];
        Ok(Self {
            connector: TlsConnector::from(Arc::new(config)),
            name: ServerName::try_from(name.to_owned())
                .map_err(|_| Error::ServerName { name: name.into() })?,
            http2,
        })
    }

    pub(super) async fn begin(&self, stream: Stream) -> Result<Stream, Refusal> {
        let session = self.connector.connect(self.name.clone(), stream);
        let session = session
            .await
            .map_err(|error| Refusal::Tls(explained(error)))?;
        let agreed = session.get_ref().1.alpn_protocol();
        if self.http2 && agreed != Some(HTTP2) {
            let reason = io::Error::other("the server does not agree to HTTP/2");
            return Err(Refusal::Tls(reason));
        }
        Ok(Stream::Tls(Box::new(session)))
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

fn config(trust: &Trust) -> Result<ClientConfig, Error> {
    let provider = Arc::new(ring::default_provider());
    let verifier = verifier(trust, Arc::clone(&provider))?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has suites for the default versions")
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    Ok(config.with_no_client_auth())
}

/// A refusal with what is to be done about it.
fn explained(error: io::Error) -> io::Error {
    let cause = error.get_ref().and_then(|it| it.downcast_ref());
    let Some(remedy) = cause.and_then(remedy) else {
        return error;
    };
    io::Error::new(error.kind(), format!("{error}: {remedy}"))
}

fn remedy(error: &rustls::Error) -> Option<&'static str> {
    use CertificateError::{
        BadSignature, NotValidForName, NotValidForNameContext, Other, UnknownIssuer,
    };
    match error {
        // The signature is bad where another issuer of the same name is trusted; an authority that
        // is a server itself has no word of its own.
        rustls::Error::InvalidCertificate(UnknownIssuer | BadSignature | Other(_)) => {
            Some("trust it, or who issued it: `tls.ca`, of `load` --cacert")
        }
        rustls::Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. }) => {
            Some("call the server by a name that it is for: `tls.name`, or in the URL")
        }
        rustls::Error::InvalidMessage(_) => Some("does the server speak TLS at this port?"),
        _ => None,
    }
}
