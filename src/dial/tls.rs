//! TLS sessions. Takes whom to trust, begins sessions on open streams, and promises that a
//! session speaks the protocol that was asked for.

use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    self, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};

use super::stream::Stream;
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
        let session = session.await.map_err(Refusal::Tls)?;
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
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("the provider has suites for the default versions");
    let verified = |roots| builder.clone().with_root_certificates(roots);
    let config = match trust {
        Trust::System => verified(system()?),
        Trust::File(path) => verified(file(path)?),
        Trust::Anyone => builder
            .clone()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anyone(provider))),
    };
    Ok(config.with_no_client_auth())
}

fn system() -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(Error::NoAuthorities);
    }
    Ok(roots)
}

fn file(path: &Path) -> Result<RootCertStore, Error> {
    let unreadable = |source: Box<dyn std::error::Error + Send + Sync>| Error::Certificates {
        path: path.to_owned(),
        source,
    };
    let certificates = CertificateDer::pem_file_iter(path).map_err(|it| unreadable(it.into()))?;
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        let certificate = certificate.map_err(|it| unreadable(it.into()))?;
        roots.add(certificate).map_err(|it| unreadable(it.into()))?;
    }
    if roots.is_empty() {
        return Err(Error::NoCertificate { path: path.into() });
    }
    Ok(roots)
}

/// Takes any certificate whose key the server really has.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
