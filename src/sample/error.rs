use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why the sample service cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is taken, not local, or not allowed.
    #[error("cannot listen on `{address}`")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },

    /// The database can neither be opened nor created.
    #[error("cannot open database `{}`", file.display())]
    Open {
        /// The file, or the name of the database in memory.
        file: PathBuf,
        /// What `SQLite` said.
        source: rusqlite::Error,
    },

    /// The database does not take the tables and rows of the sample.
    #[error("cannot fill database `{}`", file.display())]
    Seed {
        /// The file, or the name of the database in memory.
        file: PathBuf,
        /// What `SQLite` said.
        source: rusqlite::Error,
    },
}

impl Error {
    /// What the user can do next.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Listen { .. } => "name a free loopback address, such as 127.0.0.1:0",
            Self::Open { .. } | Self::Seed { .. } => {
                "name a file that can be written, or none for a database in memory"
            }
        }
    }
}
