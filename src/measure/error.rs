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
    #[error(
        "`{endpoint}` of `{server}` answers none of {requests} single requests as expected: {answers}"
    )]
    Failing {
        server: String,
        endpoint: String,
        requests: u64,
        /// What it answers instead, by kind.
        answers: String,
        /// The last lines of its output.
        output: String,
    },
    /// The base failed where the head did not.
    #[error("the base failed during its {during}")]
    Base {
        source: Box<Self>,
        during: &'static str,
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
    /// The same as a failure of the base, where it concerns one server.
    pub(super) fn of_base(self, during: &'static str) -> Self {
        if self.is_of_one_server() {
            let source = Box::new(self);
            Self::Base { source, during }
        } else {
            self
        }
    }

    /// What the user can do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Stack(error) => error.hint(),
            Self::Load(error) => error.hint(),
            Self::Overdue { .. } => Some(
                "look at its log; a server that answers slowly ends by `timeout` in [load]".into(),
            ),
            Self::Failing { .. } => Some(
                "compare its answer with `expect` of the endpoint; nothing is loaded before one \
                 request succeeds"
                    .into(),
            ),
            Self::Base { source, .. } => source.hint(),
            Self::Stopped(_) => Some("the same command begins anew".into()),
            Self::Machine { .. } => Some("mount /proc where perfgate runs".into()),
        }
    }

    /// The last lines of what failed.
    pub fn output(&self) -> Option<&str> {
        match self {
            Self::Stack(error) => error.output(),
            Self::Base { source, .. } => source.output(),
            Self::Failing { output, .. } => (!output.is_empty()).then_some(output),
            Self::Load(_) | Self::Overdue { .. } | Self::Stopped(_) | Self::Machine { .. } => None,
        }
    }

    /// Whether a server answers otherwise than it should when it starts.
    pub const fn is_wrong_answer(&self) -> bool {
        matches!(self, Self::Stack(stack::Error::WrongAnswer { .. }))
    }

    /// What an endpoint answers instead of what it should, once its server is up.
    pub fn wrong_answers(&self) -> Option<&str> {
        match self {
            Self::Failing { answers, .. } => Some(answers),
            _ => None,
        }
    }

    /// Where a server redirects to that should answer when it starts.
    pub fn redirection(&self) -> Option<&str> {
        match self {
            Self::Stack(stack::Error::WrongAnswer { answer, .. })
                if (300..400).contains(&answer.status) =>
            {
                answer.location.as_deref()
            }
            _ => None,
        }
    }

    /// Whether the others can be measured all the same.
    pub fn is_of_one_server(&self) -> bool {
        match self {
            Self::Base { source, .. } => source.is_of_one_server(),
            Self::Stack(error) => !error.is_of_everything(),
            Self::Overdue { .. } | Self::Failing { .. } => true,
            Self::Load(_) | Self::Stopped(_) | Self::Machine { .. } => false,
        }
    }
}
