use std::io::{self, ErrorKind};
use std::path::PathBuf;

use rustix::io::Errno;

use crate::model::Failure;

/// Why no connection can ever be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot read certificates from `{}`", path.display())]
    Certificates {
        path: PathBuf,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("cannot trust `{}`: it holds no certificate", path.display())]
    NoCertificate { path: PathBuf },
    #[error("cannot find the certificate authorities of this machine")]
    NoAuthorities,
    #[error("cannot verify a certificate for `{name}`: it is neither a host name nor an address")]
    ServerName { name: String },
}

impl Error {
    /// Whether what was asked for is at fault, and not the machine.
    pub const fn is_of_usage(&self) -> bool {
        !matches!(self, Self::NoAuthorities)
    }

    /// What the user can do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Certificates { .. } | Self::NoCertificate { .. } => {
                Some("name a PEM file with the certificates to trust".into())
            }
            Self::NoAuthorities => Some(
                "install them (Debian: ca-certificates), name a PEM file, or trust any certificate"
                    .into(),
            ),
            Self::ServerName { .. } => Some("name the host of its certificate: `tls.name`".into()),
        }
    }
}

/// Why one connection was not opened.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("its name has no address")]
    Dns(#[source] io::Error),
    #[error("no connection")]
    Connect(#[source] io::Error),
    #[error("no TLS session")]
    Tls(#[source] io::Error),
}

impl Refusal {
    /// The kind under which a request that met with it is counted.
    pub fn failure(&self) -> Failure {
        match self {
            Self::Dns(_) => Failure::Dns,
            Self::Tls(_) => Failure::Tls,
            Self::Connect(error) => match (error.kind(), Errno::from_io_error(error)) {
                (_, Some(Errno::MFILE | Errno::NFILE)) => Failure::OutOfFiles,
                (ErrorKind::ConnectionRefused, _) => Failure::ConnectRefused,
                (ErrorKind::TimedOut, _) => Failure::ConnectTimeout,
                (ErrorKind::AddrNotAvailable, _) => Failure::OutOfPorts,
                _ => Failure::Connect,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lack_of_ports_is_distinguished_from_lack_of_files() {
        for (errno, failure) in [
            (Errno::CONNREFUSED, Failure::ConnectRefused),
            (Errno::TIMEDOUT, Failure::ConnectTimeout),
            (Errno::ADDRNOTAVAIL, Failure::OutOfPorts),
            (Errno::MFILE, Failure::OutOfFiles),
            (Errno::NFILE, Failure::OutOfFiles),
            (Errno::NETUNREACH, Failure::Connect),
        ] {
            assert_eq!(Refusal::Connect(errno.into()).failure(), failure);
        }
    }
}
