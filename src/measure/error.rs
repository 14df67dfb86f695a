use std::time::Duration;

use super::stop::Cause;
use crate::{load, stack};

/// Why a measurement cannot be finished.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Stack(#[from] stack::Error),
    #[error(transparent)]
    Load(#[from] load::Error),
    #[error("`{server}` hangs: {step} did not end within {within:?}")]
    Overdue {
        server: String,
        step: String,
        within: Duration,
    },
    #[error("{0}")]
    Stopped(Cause),
    #[error("cannot read the machine from `{path}`")]
    Machine {
        path: &'static str,
        source: procfs::ProcError,
    },
}

impl Error {
    /// What the user can do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Stack(error) => error.hint(),
            Self::Load(error) => error.hint(),
            Self::Overdue { .. } => Some(
                "look at its log; a server that answers slowly ends by `timeout` in [load]".into(),
            ),
            Self::Stopped(_) => Some("the same command begins anew".into()),
            Self::Machine { .. } => Some("mount /proc where perfgate runs".into()),
        }
    }

    /// The last lines of what failed.
    pub fn output(&self) -> Option<&str> {
        match self {
            Self::Stack(error) => error.output(),
            Self::Load(_) | Self::Overdue { .. } | Self::Stopped(_) | Self::Machine { .. } => None,
        }
    }

    /// Whether the others can be measured all the same.
    pub(super) const fn is_of_one_server(&self) -> bool {
        match self {
            Self::Stack(error) => !error.is_of_everything(),
            Self::Overdue { .. } => true,
            Self::Load(_) | Self::Stopped(_) | Self::Machine { .. } => false,
        }
    }
}
