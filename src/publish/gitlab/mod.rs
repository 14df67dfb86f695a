//! GitLab: the job as its variables describe it, and the one note of a merge request for each key.

mod job;
mod note;

pub use job::{GitLabJob, GitLabTrigger, MergeRequest};
pub use note::{BUDGET, Noted, post};

use super::connection::Connection;
use super::{Error, Policy, Provider};

/// A connection with GitLab on behalf of one project.
#[derive(Debug, Clone)]
pub struct GitLab {
    connection: Connection,
    /// The project's number.
    project: String,
}

impl GitLab {
    pub fn new(job: &GitLabJob, token: &str, policy: Policy) -> Result<Self, Error> {
        Ok(Self {
            connection: Connection::new(Provider::GitLab, &job.api, token, policy)?,
            project: job.project.clone(),
        })
    }

    /// The route of something of the project.
    fn route(&self, rest: &str) -> String {
        format!("/projects/{}/{rest}", self.project)
    }
}
