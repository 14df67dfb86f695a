use std::io;

/// What stops the engine itself; a request that fails is data and is counted in the tally.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot run a load without connections")]
    NoConnections,
    /// `limit` is the hard limit of the process, which the soft one is raised to.
    #[error("cannot open `{needed}` files for the connections: the open-file limit is {limit}")]
    OpenFiles { needed: u64, limit: u64 },
    #[error("cannot request path `{path}`: it is not a slash followed by visible ASCII")]
    Path { path: String },
    #[error("cannot send header field `{name}`: its name or value breaks the request")]
    Header { name: String },
    #[error("cannot start generator thread `{thread}`")]
    Start { thread: usize, source: io::Error },
    #[error("cannot pin generator thread `{thread}` to core `{core}`")]
    Pin {
        thread: usize,
        core: usize,
        source: io::Error,
    },
    #[error("cannot finish generator thread `{thread}`: it panicked")]
    Panicked { thread: usize },
}
