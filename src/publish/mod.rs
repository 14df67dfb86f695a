//! Rendered reports → GitHub and GitLab. What cannot be said there is a warning: it never changes a verdict.
//!
//! [`Job`] is where we are, [`GitHub`] the connection with a retry policy of its own, [`comment`]
//! the one comment of a pull request with a section for each [`Key`], [`CheckRun`] the check of each
//! beside it; `workflow` speaks to the runner by files and lines of output.

pub mod artifact;
mod author;
mod check_run;
mod client;
pub mod comment;
pub mod compare;
mod connection;
mod error;
mod event;
mod github;
pub mod gitlab;
mod job;
mod key;
mod page;
mod provider;
pub mod pull_request;
mod retry;
mod section;
pub mod workflow;

pub use author::Author;
pub use check_run::{CheckRun, Conclusion, Opened, Ticket};
pub use error::Error;
pub use github::GitHub;
pub use job::{Finished, Job, Mode, PullRequest, Run, Task, Trigger};
pub use key::{Key, MEASURING_JOB};
pub use provider::Provider;
pub use retry::Policy;
pub use section::{Severity, Stamp};

#[cfg(test)]
mod tests;
