//! Who is trusted. Takes the certificates to trust, judges those that servers show, and promises
//! that a certificate is trusted which one of them has signed or which is itself one of them.

use std::path::Path;
use std::sync::Arc;

use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::client::{WebPkiServerVerifier, verify_server_name};
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{
    self, CertificateError, DigitallySignedStruct, Error as TlsError, RootCertStore,
    SignatureScheme,
};

use super::Error;
use crate::model::Trust;

type Verifier = Arc<dyn ServerCertVerifier>;

/// What judges the certificate of a server.
pub(super) fn verifier(trust: &Trust, provider: Arc<CryptoProvider>) -> Result<Verifier, Error> {
    Ok(match trust {
        Trust::System => Arc::new(system(provider)?),
        Trust::File(path) => Arc::new(file(path, provider)?),
        Trust::Anyone => Arc::new(Anyone(provider)),
    })
}

fn system(provider: Arc<CryptoProvider>) -> Result<Known, Error> {
    let mut roots = RootCertStore::empty();
    let certificates = rustls_native_certs::load_native_certs().certs;
    roots.add_parsable_certificates(certificates.iter().cloned());
    if roots.is_empty() {
        return Err(Error::NoAuthorities);
    }
    Ok(Known::new(certificates, roots, provider))
}

fn file(path: &Path, provider: Arc<CryptoProvider>) -> Result<Known, Error> {
    let unreadable = |source: Box<dyn std::error::Error + Send + Sync>| Error::Certificates {
        path: path.to_owned(),
        source,
    };
    let read = CertificateDer::pem_file_iter(path).map_err(|it| unreadable(it.into()))?;
    let certificates: Vec<_> = read
        .collect::<Result<_, _>>()
        .map_err(|it| unreadable(it.into()))?;
    let mut roots = RootCertStore::empty();
    for certificate in &certificates {
        let added = roots.add(certificate.clone());
        added.map_err(|it| unreadable(it.into()))?;
    }
    if roots.is_empty() {
        return Err(Error::NoCertificate { path: path.into() });
    }
    Ok(Known::new(certificates, roots, provider))
}

/// Trusts what some certificates have signed, and these certificates themselves. The usual way to
/// make one for a test, `openssl req -x509`, makes one that signs itself as an authority, and no
/// authority may be a server by RFC 5280; OpenSSL and curl take it all the same.
#[derive(Debug)]
struct Known {
    certificates: Vec<CertificateDer<'static>>,
    authorities: Arc<WebPkiServerVerifier>,
}

impl Known {
    fn new(
        certificates: Vec<CertificateDer<'static>>,
        roots: RootCertStore,
        provider: Arc<CryptoProvider>,
    ) -> Self {
        let authorities = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
        Self {
            certificates,
            authorities: authorities.build().expect("there are roots"),
        }
    }

    fn knows(&self, certificate: &CertificateDer<'_>) -> bool {
        self.certificates.iter().any(|it| it == certificate)
    }
}

/// A certificate that is trusted itself still has a time and may name hosts; one that names none
/// is trusted for any.
fn is_usable(
    certificate: &CertificateDer<'_>,
    name: &ServerName<'_>,
    refusal: TlsError,
) -> Result<(), TlsError> {
    use CertificateError::{
        Expired, ExpiredContext, NotValidForNameContext, NotValidYet, NotValidYetContext,
    };
    if let TlsError::InvalidCertificate(
        Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. },
    ) = refusal
    {
        return Err(refusal);
    }
    match verify_server_name(&ParsedCertificate::try_from(certificate)?, name) {
        Err(TlsError::InvalidCertificate(NotValidForNameContext { presented, .. }))
            if presented.is_empty() =>
        {
            Ok(())
        }
        verified => verified,
    }
}

impl ServerCertVerifier for Known {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let verified = self
            .authorities
            .verify_server_cert(certificate, others, name, ocsp, now);
        match verified {
            Err(refusal) if self.knows(certificate) => {
                is_usable(certificate, name, refusal).map(|()| ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.authorities
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.authorities
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.supported_verify_schemes()
    }
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
    ) -> Result<ServerCertVerified, TlsError> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
