//! Whose code a job runs, by the event that started it. Of an event that is not known here nobody can
//! say: it is refused.

/// Why events that run untrusted code with rights are refused.
pub(super) const UNTRUSTED: &str = "it would run untrusted code with a token that may write";
const ANY_COMMIT: &str = "its token may write, and the event says neither whose code it brings nor who \
                          has looked at it";
const UNKNOWN: &str = "it is not known whose code it brings, and its token may write";

/// What an event says of the code that is checked out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// It is on a branch of the repository.
    Branch,
    /// It is what somebody with write access has tagged.
    Tag,
    /// It is proposed; of a fork the token may only read.
    PullRequest,
    MergeGroup,
    /// It is that of the default branch, and another run has measured.
    WorkflowRun,
    /// Nothing, and the token may write.
    None(&'static str),
}

pub(super) fn trust(event: &str) -> Trust {
    match event {
        "push" | "schedule" | "workflow_dispatch" => Trust::Branch,
        "release" | "create" => Trust::Tag,
        "pull_request" | "pull_request_review" | "pull_request_review_comment" => {
            Trust::PullRequest
        }
        "merge_group" => Trust::MergeGroup,
        "workflow_run" => Trust::WorkflowRun,
        "pull_request_target"
        | "issue_comment"
        | "issues"
        | "discussion"
        | "discussion_comment"
        | "fork"
        | "watch" => Trust::None(UNTRUSTED),
        "repository_dispatch"
        | "deployment"
        | "deployment_status"
        | "check_suite"
        | "check_run"
        | "status" => Trust::None(ANY_COMMIT),
        _ => Trust::None(UNKNOWN),
    }
}
