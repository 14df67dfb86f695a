use std::fmt;

/// Who keeps a repository and runs its jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    GitHub,
    GitLab,
}

impl Provider {
    /// The variable of a job that names the API.
    pub(super) const fn api_variable(self) -> &'static str {
        match self {
            Self::GitHub => "GITHUB_API_URL",
            Self::GitLab => "CI_API_V4_URL",
        }
    }

    /// The variable that the token is read from: command lines are seen by other processes. GitLab's own token
    /// of a job may not write notes.
    pub const fn token_variable(self) -> &'static str {
        match self {
            Self::GitHub => "GITHUB_TOKEN",
            Self::GitLab => "GITLAB_TOKEN",
        }
    }

    /// What the API is asked with, beside the token.
    pub(super) const fn headers(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::GitHub => &[
                ("accept", "application/vnd.github+json"),
                ("x-github-api-version", "2022-11-28"),
            ],
            Self::GitLab => &[("accept", "application/json")],
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::GitHub => "GitHub",
            Self::GitLab => "GitLab",
        })
    }
}
