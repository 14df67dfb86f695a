use std::io;
use std::path::PathBuf;

use super::Provider;

/// Why perfgate could not speak with GitHub or GitLab, or will not.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{name} is not set")]
    NoVariable { name: &'static str },
    #[error("cannot read the event in `{}`: {reason}", path.display())]
    Event { path: PathBuf, reason: String },
    #[error("refused to measure in a workflow on `{event}`: {why}")]
    Privileged { event: String, why: &'static str },
    #[error("`mode: report` is for workflows on `workflow_run`: there is no run to report of")]
    NothingToReport,
    #[error("cannot report on run `{run}`: it left no artifact `{name}`")]
    NoArtifact { run: u64, name: String },
    #[error("{0} is not set")]
    NoToken(&'static str),
    #[error("refused to refresh the baseline: {why}")]
    NotTrusted { why: &'static str },
    #[error("cannot write `{}`", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot use `{url}` as {provider}'s API: {reason}")]
    Url {
        provider: Provider,
        url: String,
        reason: String,
    },
    #[error("cannot {what}: {reason}")]
    Unreachable { what: &'static str, reason: String },
    #[error("cannot {what}: {provider} answered {status}: {message}")]
    Answer {
        provider: Provider,
        what: &'static str,
        status: u16,
        message: String,
        permission: &'static str,
    },
    #[error("cannot comment on pull request `#{number}`: it is locked")]
    Locked { number: u64 },
    #[error(
        "cannot keep a section of the comment on pull request `#{number}`: other jobs overwrite it"
    )]
    Contended { number: u64 },
    #[error("cannot {what}: {provider}'s answer is not understood: {reason}")]
    Unknown {
        provider: Provider,
        what: &'static str,
        reason: String,
    },
}

impl Error {
    /// Whether the workflow asks for something that cannot be; else GitHub or the runner is at fault.
    pub const fn is_of_usage(&self) -> bool {
        !matches!(
            self,
            Self::Write { .. }
                | Self::Unreachable { .. }
                | Self::Answer { .. }
                | Self::Locked { .. }
                | Self::Contended { .. }
                | Self::Unknown { .. }
        )
    }

    /// Whether the token lacks a permission.
    pub const fn is_forbidden(&self) -> bool {
        matches!(
            self,
            Self::Answer {
                status: 401 | 403 | 404,
                ..
            }
        )
    }

    /// Whether the check beside the commit is missing, which repeats what the job itself shows.
    pub fn is_of_checks(&self) -> bool {
        matches!(self, Self::Answer { permission, .. } if permission.starts_with("checks"))
    }

    /// What the user can do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoVariable { .. } => Some(
                "this command is for jobs of GitHub and GitLab; elsewhere use `perfgate check`".into(),
            ),
            Self::Privileged { .. } => Some(
                "measure on `pull_request`, and report from a second workflow on `workflow_run`"
                    .into(),
            ),
            Self::Answer {
                provider,
                permission,
                ..
            } if self.is_forbidden() => Some(match provider {
                Provider::GitHub => format!("the job needs `permissions: {{ {permission} }}`"),
                Provider::GitLab => format!("the token of {} needs {permission}", provider.token_variable()),
            }),
            Self::Url { provider, .. } => Some(format!("{} names it", provider.api_variable())),
            Self::Event { .. } => {
                Some("GITHUB_EVENT_PATH names it: leave it as the runner set it".into())
            }
            Self::NothingToReport => Some("use `mode: auto`, or run it on `workflow_run`".into()),
            Self::NoArtifact { .. } => Some(
                "the measuring workflow uploads it, as the one of `perfgate init` does; `--artifact` \
                 names another"
                    .into(),
            ),
            Self::NoToken(name) => Some(format!(
                "give it to the step: `env: {{ {name}: ${{{{ github.token }}}} }}`"
            )),
            Self::NotTrusted { .. } => {
                Some("refresh in a workflow on pushes to the default branch".into())
            }
            Self::Write { .. } => Some("the runner made the file: leave it writable".into()),
            Self::Unreachable { .. } => Some("run the job again when the API answers".into()),
            Self::Answer { .. } => Some(
                "what was measured stands; run the job again, or report it with this line".into(),
            ),
            Self::Locked { .. } => {
                Some("unlock the conversation; the verdict is in the job's summary".into())
            }
            Self::Contended { .. } => {
                Some("run the job again once the others have ended; its summary has the report".into())
            }
            Self::Unknown { provider, .. } => Some(format!(
                "{} must name an API of {provider}",
                provider.api_variable()
            )),
        }
    }
}
