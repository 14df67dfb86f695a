use std::io;
use std::time::Duration;

use crate::dial;

/// What stops the engine itself; a request that fails is data and is counted in the tally.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot run a load without connections")]
    NoConnections,
    /// `limit` is the hard limit of the process, which the soft one is raised to.
    #[error("cannot open `{needed}` files for the connections: the open-file limit is {limit}")]
    OpenFiles { needed: u64, limit: u64 },
    #[error(
        "cannot open `{needed}` connections to one address: `{available}` local ports are left for them"
    )]
    Ports { needed: usize, available: usize },
    #[error(transparent)]
    Dial(#[from] dial::Error),
    #[error("cannot send method `{}`: it is not the name of a method, or opens a tunnel", method.escape_debug())]
    Method { method: String },
    #[error("cannot send header field `{name}`: the length of the body decides it")]
    Framing { name: String },
    #[error("cannot take turns by weights that add up to `{total}`")]
    Weights { total: u64 },
    #[error("cannot request path `{}`: it is not a slash followed by visible ASCII", path.escape_debug())]
    Path { path: String },
    #[error("cannot send header field `{}`: its name or value breaks the request", name.escape_debug())]
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
    #[error("cannot meet the other workers at `{address}`")]
    Coordinator { address: String, source: io::Error },
    #[error("cannot begin the load: after {within:?} these workers are missing: {missing}")]
    WorkersMissing { missing: String, within: Duration },
    #[error("cannot begin the load: worker {worker} does not answer")]
    WorkerLost { worker: String, source: io::Error },
    #[error("cannot take part as worker {worker}: {reason}")]
    WorkerRefused { worker: String, reason: String },
    #[error("cannot begin the load on time: the window has been open for {by:?}")]
    Late { by: Duration },
    #[error("cannot begin the load: it was ended before its window opened")]
    Stopped,
}

impl Error {
    /// Whether what was asked for is at fault, and not the machine.
    pub const fn is_of_usage(&self) -> bool {
        match self {
            Self::Dial(error) => error.is_of_usage(),
            Self::NoConnections
            | Self::Method { .. }
            | Self::Path { .. }
            | Self::Header { .. }
            | Self::Framing { .. }
            | Self::Weights { .. } => true,
            Self::OpenFiles { .. }
            | Self::Ports { .. }
            | Self::Start { .. }
            | Self::Pin { .. }
            | Self::Panicked { .. }
            | Self::Coordinator { .. }
            | Self::WorkersMissing { .. }
            | Self::WorkerLost { .. }
            | Self::WorkerRefused { .. }
            | Self::Late { .. }
            | Self::Stopped => false,
        }
    }

    /// What the user can do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Dial(error) => error.hint(),
            Self::OpenFiles { needed, .. } => Some(format!(
                "raise it with `ulimit -n {needed}` as root, or load with fewer connections"
            )),
            Self::Ports { .. } => Some(
                "widen the range with `sysctl net.ipv4.ip_local_port_range=\"1024 65535\"`, or load with fewer connections"
                    .into(),
            ),
            Self::Framing { .. } => Some("leave the field out".into()),
            Self::Weights { .. } => Some("write small whole numbers, at least one above 0".into()),
            Self::NoConnections => Some("ask for one or more: `connections`, or `-c`".into()),
            Self::Method { .. } => Some("write a method such as GET or POST".into()),
            Self::Path { .. } => {
                Some("begin it with a slash, and write other letters as %20 and the like".into())
            }
            Self::Header { .. } => Some("write NAME: VALUE in one line".into()),
            Self::Start { .. } => {
                Some("raise `ulimit -u`, or load with fewer `threads`".into())
            }
            Self::Pin { .. } => Some(
                "let the process use that core: `taskset` and its cgroup's cpuset decide".into(),
            ),
            Self::Coordinator { .. } => Some(
                "let worker 1 listen there, and every other worker reach it: `--coordinator HOST:PORT`"
                    .into(),
            ),
            Self::WorkersMissing { .. } | Self::WorkerLost { .. } => {
                Some("start all of them, or wait longer: `--wait`".into())
            }
            Self::WorkerRefused { .. } => {
                Some("give all workers the same load, and each a number of its own".into())
            }
            Self::Late { .. } => Some("start the workers earlier, or the load later".into()),
            Self::Stopped => Some("nothing was sent".into()),
            Self::Panicked { .. } => {
                Some("this is a mistake in perfgate: report it with the lines above".into())
            }
        }
    }
}
