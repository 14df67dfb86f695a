use std::io;
use std::path::PathBuf;

use super::foreign::Foreign;

/// Why a result of another generator cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot read `{}`", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot read `{}`: it is larger than {most} bytes", path.display())]
    TooLarge { path: PathBuf, most: u64 },
    #[error("cannot read `{}`: it is not UTF-8 text", path.display())]
    NotText { path: PathBuf },
    #[error("cannot use `{}` as a measurement: no generator that perfgate knows wrote it", path.display())]
    Unknown { path: PathBuf },
    #[error("cannot use `{}` as a measurement: it is {}{}", path.display(), foreign.what, foreign.unread())]
    Foreign { path: PathBuf, foreign: Foreign },
    #[error("cannot compare `{}` with `{}`: {new_result} is not {old_result}", new.display(), old.display())]
    Apart {
        new: PathBuf,
        new_result: String,
        old: PathBuf,
        old_result: String,
    },
    #[error("cannot read `{}` as a result of {generator}", path.display())]
    Fault {
        path: PathBuf,
        generator: &'static str,
        #[source]
        fault: Fault,
    },
}

/// What is wrong with a text.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error("line {line}: expected {expected}, found `{found}`")]
    Line {
        line: usize,
        expected: &'static str,
        found: String,
    },
    #[error("expected {expected}, which no line has")]
    Missing { expected: &'static str },
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error("it holds no response: there is nothing to judge")]
    Empty,
    #[error("it holds several results")]
    Several,
}

impl Error {
    /// What the user can do next.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Read { .. } => "name a file that can be read",
            Self::TooLarge { .. } => {
                "give the summary that the generator makes, not its log of every request"
            }
            Self::NotText { .. } | Self::Unknown { .. } => READ,
            Self::Foreign { foreign, .. } => {
                let instead = |form| format!("give what `{form}` writes");
                return Some(foreign.instead.map_or_else(|| READ.into(), instead));
            }
            Self::Apart { .. } => {
                "compare results of one generator and one URL; where URLs differ in the query alone and ask for the same, `--as SERVER ENDPOINT` says so"
            }
            Self::Fault { fault, .. } => match fault {
                Fault::Empty => "look at what the generator says of the requests that failed",
                Fault::Several => "keep each result in a file of its own, and name them all",
                _ => "give the whole of what the generator wrote, unchanged",
            },
        };
        Some(hint.into())
    }
}

/// What is read.
const READ: &str = "give what `perfgate run --json FILE`, `wrk --latency`, `oha --output-format json`, `k6 run --summary-export FILE`, `vegeta report -type=json` or `hey` wrote";
