//! The ways perfgate can fail, and the codes it exits with.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::model::exit_code;
use crate::{baseline, config, document, git, import, load, measure, publish, stack};

/// Why perfgate could not do its job. A regression is not an error, it is an outcome.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Config(#[from] config::Error),
    #[error(transparent)]
    Stack(#[from] stack::Error),
    #[error(transparent)]
    Load(#[from] load::Error),
    #[error(transparent)]
    Measure(measure::Error),
    #[error(transparent)]
    Baseline(#[from] baseline::Error),
    #[error(transparent)]
    Git(#[from] git::Error),
    #[error(transparent)]
    Document(#[from] document::Error),
    #[error(transparent)]
    Import(#[from] import::Error),
    #[error(transparent)]
    Publish(#[from] publish::Error),
    #[error("cannot read `{argument}`: {reason}")]
    Argument { argument: String, reason: String },
    #[error(
        "cannot judge an endpoint in {budget:?}: head and base are started {starts} times before anything \
         is decided, which takes {needed:?} of load"
    )]
    Budget {
        budget: Duration,
        starts: usize,
        needed: Duration,
    },
    #[error("cannot store a run of commit {head}: the event is about commit {expected}")]
    OtherCommit { head: String, expected: String },
    #[error("cannot store a run of commit {head}: files differ from it: {files}")]
    Dirty { head: String, files: String },
    #[error("cannot compare with commit {commit}: {reason}")]
    Unmeasured { commit: String, reason: String },
    #[error("cannot calibrate: {reason}")]
    NotCalibrated { reason: String },
    #[error("cannot read `{}`", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot start the threads that wait for input and output")]
    Runtime { source: io::Error },
    #[error("{}", measure::Cause::Deadline(*timeout))]
    Deadline { timeout: Duration },
    #[error("{}", measure::Cause::Interrupted)]
    Interrupted,
}

impl From<measure::Cause> for Error {
    fn from(cause: measure::Cause) -> Self {
        match cause {
            measure::Cause::Interrupted => Self::Interrupted,
            measure::Cause::Deadline(timeout) => Self::Deadline { timeout },
        }
    }
}

impl From<measure::Error> for Error {
    fn from(error: measure::Error) -> Self {
        match error {
            measure::Error::Stopped(cause) => cause.into(),
            error => Self::Measure(error),
        }
    }
}

impl Error {
    /// The code of [`exit_code`] that this error ends with.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Baseline(baseline::Error::NothingToPin) => exit_code::NO_BASELINE,
            Self::Config(_)
            | Self::Import(_)
            | Self::Argument { .. }
            | Self::Budget { .. }
            | Self::OtherCommit { .. }
            | Self::Dirty { .. }
            | Self::Read { .. } => exit_code::USAGE,
            Self::Document(error) if !error.is_of_writing() => exit_code::USAGE,
            Self::Publish(error) if error.is_of_usage() => exit_code::USAGE,
            Self::Load(error) | Self::Measure(measure::Error::Load(error))
                if error.is_of_usage() =>
            {
                exit_code::USAGE
            }
            Self::Stack(stack::Error::Dial(error))
            | Self::Measure(measure::Error::Stack(stack::Error::Dial(error)))
                if error.is_of_usage() =>
            {
                exit_code::USAGE
            }
            Self::Stack(_)
            | Self::Load(_)
            | Self::Measure(_)
            | Self::Baseline(_)
            | Self::Git(_)
            | Self::Document(_)
            | Self::Publish(_)
            | Self::Unmeasured { .. }
            | Self::NotCalibrated { .. }
            | Self::Runtime { .. }
            | Self::Deadline { .. } => exit_code::ENVIRONMENT,
            Self::Interrupted => exit_code::INTERRUPTED,
        }
    }

    /// What the user can do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Config(error) => error.hint(),
            Self::Stack(error) => error.hint(),
            Self::Load(error) => error.hint(),
            Self::Measure(error) => error.hint(),
            Self::Baseline(error) => error.hint(),
            Self::Git(error) => error.hint(),
            Self::Publish(error) => error.hint(),
            Self::Document(error) => error.hint(),
            Self::Import(error) => error.hint(),
            Self::Argument { .. } => Some("`perfgate help COMMAND` shows how it is written".into()),
            Self::Budget { needed, .. } => Some(format!(
                "give each endpoint at least {:?}, as servers take time to start: `budget` in `[load]`, or \
                 `--budget`; or shorten `round`",
                *needed * 2
            )),
            Self::OtherCommit { .. } => {
                Some("check out the commit of the event: actions/checkout without `ref`".into())
            }
            Self::Dirty { .. } => {
                Some("commit the changes, or store them all the same: `--allow-dirty`".into())
            }
            Self::Unmeasured { .. } => {
                Some("name a commit near it that builds and starts: `--good` or `--bad`".into())
            }
            Self::NotCalibrated { .. } => Some(
                "`perfgate check` must work before it can be calibrated; the checks so far are kept".into(),
            ),
            Self::Read { .. } => Some("name a file that can be read".into()),
            Self::Runtime { .. } => Some("raise the limit on threads: `ulimit -u`".into()),
            Self::Deadline { .. } => {
                Some("give it longer, or measure less: `--server`, `--endpoint`".into())
            }
            Self::Interrupted => {
                Some("`perfgate cleanup` removes what is left, if anything".into())
            }
        }
    }

    /// The last lines of what failed, for printing above the error.
    pub fn output(&self) -> Option<&str> {
        match self {
            Self::Stack(error) => error.output(),
            Self::Measure(error) => error.output(),
            _ => None,
        }
    }
}
