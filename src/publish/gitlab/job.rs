use super::super::{Error, Mode, Run, Task};

/// A job of GitLab CI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitLabJob {
    pub trigger: GitLabTrigger,
    /// The project's number.
    pub project: String,
    pub api: String,
    /// Where the job can be looked at.
    pub link: String,
    /// The pipeline; later ones are greater.
    pub run: Run,
    /// The job's name.
    pub name: String,
    pub default_branch: Option<String>,
    /// The commit that is judged.
    pub head: String,
}

/// What made the pipeline run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GitLabTrigger {
    MergeRequest(MergeRequest),
    /// Code that is on the default branch.
    DefaultBranch,
    /// Code that is on another branch, or a tag.
    Elsewhere,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergeRequest {
    /// Its number within the project.
    pub number: u64,
    /// Whether its code is of another project.
    pub is_fork: bool,
    /// The commit where its branch left the one that it goes to.
    pub base: String,
}

impl GitLabJob {
    /// Whether this is a job of GitLab's.
    pub fn is_here(variable: impl Fn(&str) -> Option<String>) -> bool {
        variable("GITLAB_CI").as_deref() == Some("true")
    }

    /// The job as its predefined variables describe it.
    pub fn find(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let value = |name: &'static str| variable(name).filter(|it| !it.is_empty());
        let get = |name: &'static str| value(name).ok_or(Error::NoVariable { name });
        let commit = get("CI_COMMIT_SHA")?;
        let default_branch = value("CI_DEFAULT_BRANCH");
        let branch = value("CI_COMMIT_BRANCH");
        let project = get("CI_PROJECT_ID")?;
        let number = value("CI_MERGE_REQUEST_IID").and_then(|it| it.parse().ok());
        let (trigger, head) = match number {
            Some(number) => {
                let source = value("CI_MERGE_REQUEST_SOURCE_PROJECT_ID");
                let merge_request = MergeRequest {
                    number,
                    is_fork: source.is_none_or(|it| it != project),
                    base: get("CI_MERGE_REQUEST_DIFF_BASE_SHA")?,
                };
                // Of a pipeline of merged results it is not the commit that is checked out.
                let head = value("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA").unwrap_or(commit);
                (GitLabTrigger::MergeRequest(merge_request), head)
            }
            None if branch.is_some() && branch == default_branch => {
                (GitLabTrigger::DefaultBranch, commit)
            }
            None => (GitLabTrigger::Elsewhere, commit),
        };
        let id = value("CI_PIPELINE_ID").and_then(|it| it.parse().ok());
        let attempt = value("CI_JOB_ID").and_then(|it| it.parse().ok());
        Ok(Self {
            trigger,
            project,
            api: get("CI_API_V4_URL")?,
            link: value("CI_JOB_URL").unwrap_or_default(),
            run: Run {
                id: id.unwrap_or(0),
                // A job that is retried gets another number.
                attempt: attempt.unwrap_or(1),
            },
            name: value("CI_JOB_NAME").unwrap_or_default(),
            default_branch,
            head,
        })
    }

    /// What to do, unless it must not be done here.
    pub const fn task(&self, mode: Mode) -> Result<Task, Error> {
        match (mode, &self.trigger) {
            (Mode::Merge, _) => Ok(Task::Merge),
            (Mode::Report, _) => Err(Error::NothingToReport),
            (Mode::Auto | Mode::Refresh, GitLabTrigger::DefaultBranch) => Ok(Task::Refresh),
            (Mode::Refresh, _) => Err(Error::NotTrusted {
                why: "this pipeline is not of the default branch",
            }),
            (Mode::Auto | Mode::Check, _) => Ok(Task::Check),
        }
    }

    pub const fn merge_request(&self) -> Option<&MergeRequest> {
        match &self.trigger {
            GitLabTrigger::MergeRequest(it) => Some(it),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn job(more: &[(&str, &str)]) -> Result<GitLabJob, Error> {
        let usual = [
            ("GITLAB_CI", "true"),
            ("CI_API_V4_URL", "https://gitlab.test/api/v4"),
            ("CI_PROJECT_ID", "42"),
            ("CI_COMMIT_SHA", "c0ffee"),
            ("CI_DEFAULT_BRANCH", "trunk"),
            ("CI_PIPELINE_ID", "900"),
            ("CI_JOB_ID", "77"),
            ("CI_JOB_NAME", "performance"),
        ];
        let all: BTreeMap<_, _> = usual.into_iter().chain(more.iter().copied()).collect();
        GitLabJob::find(|name| all.get(name).map(|it| (*it).to_owned()))
    }

    #[test]
    fn pipelines_are_of_merge_requests_or_branches() {
        let merge_request = [
            ("CI_MERGE_REQUEST_IID", "7"),
            ("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "42"),
            ("CI_MERGE_REQUEST_DIFF_BASE_SHA", "ba5e"),
            ("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA", "5ead"),
        ];
        let found = job(&merge_request).expect("a job");
        assert_eq!(
            found.merge_request(),
            Some(&MergeRequest {
                number: 7,
                is_fork: false,
                base: "ba5e".into()
            })
        );
        assert_eq!((found.head.as_str(), found.run.id), ("5ead", 900));
        assert_eq!(found.task(Mode::Auto).expect("a task"), Task::Check);
        found.task(Mode::Refresh).expect_err("not of the branch");
        let main = job(&[("CI_COMMIT_BRANCH", "trunk")]).expect("a job");
        assert_eq!(main.task(Mode::Auto).expect("a task"), Task::Refresh);
        let other = job(&[("CI_COMMIT_BRANCH", "topic")]).expect("a job");
        assert_eq!(other.task(Mode::Auto).expect("a task"), Task::Check);
        other.task(Mode::Report).expect_err("nothing to report");
    }

    #[test]
    fn a_fork_is_another_project() {
        let of = |source: &str| {
            let found = job(&[
                ("CI_MERGE_REQUEST_IID", "7"),
                ("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", source),
                ("CI_MERGE_REQUEST_DIFF_BASE_SHA", "ba5e"),
            ]);
            found.expect("a job").merge_request().map(|it| it.is_fork)
        };
        assert_eq!(of("42"), Some(false));
        assert_eq!(of("43"), Some(true));
        assert_eq!(of(""), Some(true));
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = GitLabJob::find(|_| None).expect_err("no variables");
        assert_eq!(error.to_string(), "CI_COMMIT_SHA is not set");
        let error = job(&[("CI_MERGE_REQUEST_IID", "7")]).expect_err("no base");
        assert!(error.to_string().contains("CI_MERGE_REQUEST_DIFF_BASE_SHA"));
    }
}
