//! Rendered reports → GitHub. What cannot be said there is a warning: it never changes a verdict.
//!
//! [`Job`] is where we are, [`GitHub`] the connection with a retry policy of its own, [`comment`]
//! the one comment of a pull request, [`CheckRun`] the check beside it; `workflow` speaks to the
//! runner by files and lines of output.

pub mod artifact;
mod check_run;
pub mod comment;
pub mod compare;
mod error;
mod github;
mod job;
pub mod pull_request;
mod retry;
pub mod workflow;

pub use check_run::{CheckRun, Conclusion};
pub use error::Error;
pub use github::GitHub;
pub use job::{Finished, Job, Mode, PullRequest, Task, Trigger};
pub use retry::Policy;

#[cfg(test)]
mod tests;
