//! Where we are: the job of a workflow, as the runner's environment tells it.

use std::fs;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;

use super::Error;

/// A job of GitHub Actions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    pub trigger: Trigger,
    /// `owner/name`.
    pub repository: String,
    pub api: String,
    /// Where the run can be looked at.
    pub link: String,
    pub run: Run,
    /// The commit that is judged: of a pull request its own, not the merge that is checked out.
    pub head: String,
    /// File of the job summary.
    pub summary: Option<PathBuf>,
    /// File of the step's outputs.
    pub outputs: Option<PathBuf>,
}

/// A run of a workflow; later ones are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Run {
    pub id: u64,
    pub attempt: u64,
}

/// What made the job run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trigger {
    /// Code that is on the default branch.
    DefaultBranch,
    /// Code that is on another branch, or a tag.
    Elsewhere,
    PullRequest(PullRequest),
    /// A queue of merges; the commit that it builds on.
    MergeGroup {
        base: String,
    },
    /// Another workflow, which ended.
    WorkflowRun(Box<Finished>),
    /// An event that runs with a writing token on behalf of an untrusted author.
    Privileged {
        event: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequest {
    pub number: u64,
    /// Whether its code is of another repository, so that the token may only read.
    pub is_fork: bool,
    /// The newest commit of the branch it goes to.
    pub base: String,
    /// The name of that branch.
    pub base_branch: String,
}

/// A run of another workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    pub run: Run,
    pub event: String,
    pub head: String,
    pub head_branch: String,
    /// `owner/name` of the repository whose code it ran.
    pub head_repository: String,
}

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// What the event calls for.
    Auto,
    /// Measure and judge.
    Check,
    /// Measure and store.
    Refresh,
    /// Publish what another workflow measured.
    Report,
}

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    Check,
    Refresh,
    Report,
}

impl Job {
    /// The job as the environment and the file of the event tell it.
    pub fn find(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let get = |name: &'static str| {
            let value = variable(name).filter(|value| !value.is_empty());
            value.ok_or(Error::NoVariable { name })
        };
        let name = get("GITHUB_EVENT_NAME")?;
        let path = PathBuf::from(get("GITHUB_EVENT_PATH")?);
        let fail = |reason: String| Error::Event {
            path: path.clone(),
            reason,
        };
        let text = fs::read(&path).map_err(|error| fail(error.to_string()))?;
        let event: Value =
            serde_json::from_slice(&text).map_err(|error| fail(error.to_string()))?;
        let sha = get("GITHUB_SHA")?;
        let reference = variable("GITHUB_REF").unwrap_or_default();
        let trigger = trigger(&name, &event, &reference).map_err(fail)?;
        let head = match &trigger {
            Trigger::PullRequest(_) => text_of(&event, "/pull_request/head/sha").unwrap_or(sha),
            Trigger::WorkflowRun(finished) => finished.head.clone(),
            _ => sha,
        };
        let number = |name| get(name).ok().and_then(|text| text.parse().ok());
        let run = Run {
            id: number("GITHUB_RUN_ID").unwrap_or(0),
            attempt: number("GITHUB_RUN_ATTEMPT").unwrap_or(1),
        };
        let repository = get("GITHUB_REPOSITORY")?;
        let server = get("GITHUB_SERVER_URL").unwrap_or_else(|_| "https://github.com".into());
        Ok(Self {
            trigger,
            link: format!("{server}/{repository}/actions/runs/{}", run.id),
            repository,
            api: get("GITHUB_API_URL").unwrap_or_else(|_| "https://api.github.com".into()),
            run,
            head,
            summary: get("GITHUB_STEP_SUMMARY").ok().map(Into::into),
            outputs: get("GITHUB_OUTPUT").ok().map(Into::into),
        })
    }

    /// What to do, unless it must not be done here.
    pub fn task(&self, mode: Mode) -> Result<Task, Error> {
        let task = match (mode, &self.trigger) {
            (Mode::Report, _) | (Mode::Auto, Trigger::WorkflowRun(_)) => Task::Report,
            (Mode::Refresh, _) | (Mode::Auto, Trigger::DefaultBranch) => Task::Refresh,
            (Mode::Check | Mode::Auto, _) => Task::Check,
        };
        match (task, &self.trigger) {
            (Task::Report, _) => Ok(task),
            (_, Trigger::Privileged { event }) => Err(Error::Privileged {
                event: event.clone(),
            }),
            (_, Trigger::WorkflowRun(_)) => Err(Error::Privileged {
                event: "workflow_run".into(),
            }),
            (Task::Refresh, Trigger::DefaultBranch) | (Task::Check, _) => Ok(task),
            (Task::Refresh, _) => Err(Error::NotTrusted {
                why: "this event is not of the default branch",
            }),
        }
    }

    /// The pull request that is commented on.
    pub const fn pull_request(&self) -> Option<&PullRequest> {
        match &self.trigger {
            Trigger::PullRequest(pull_request) => Some(pull_request),
            _ => None,
        }
    }
}

fn trigger(name: &str, event: &Value, reference: &str) -> Result<Trigger, String> {
    let branch = text_of(event, "/repository/default_branch").unwrap_or_default();
    let is_default = reference == format!("refs/heads/{branch}");
    Ok(match name {
        "push" | "schedule" | "workflow_dispatch" if is_default => Trigger::DefaultBranch,
        "pull_request" => {
            let of = |path| text_of(event, path);
            let number = event
                .pointer("/pull_request/number")
                .and_then(Value::as_u64);
            let head = of("/pull_request/head/repo/full_name");
            let base = of("/pull_request/base/repo/full_name");
            Trigger::PullRequest(PullRequest {
                number: number.ok_or("it has no pull_request.number")?,
                // A fork that was deleted has no name any more.
                is_fork: head.is_none() || head != base,
                base: of("/pull_request/base/sha").ok_or("it has no pull_request.base.sha")?,
                base_branch: of("/pull_request/base/ref").unwrap_or("the base branch".into()),
            })
        }
        "merge_group" => Trigger::MergeGroup {
            base: text_of(event, "/merge_group/base_sha")
                .ok_or("it has no merge_group.base_sha")?,
        },
        "workflow_run" => Trigger::WorkflowRun(Box::new(finished(event)?)),
        "pull_request_target"
        | "issue_comment"
        | "issues"
        | "discussion"
        | "discussion_comment"
        | "pull_request_comment"
        | "fork"
        | "watch" => Trigger::Privileged {
            event: name.to_owned(),
        },
        _ => Trigger::Elsewhere,
    })
}

fn finished(event: &Value) -> Result<Finished, String> {
    #[derive(Deserialize)]
    struct Run {
        id: u64,
        #[serde(rename = "run_attempt")]
        attempt: u64,
        event: String,
        head_sha: String,
        head_branch: Option<String>,
        head_repository: Repository,
    }
    #[derive(Deserialize)]
    struct Repository {
        full_name: String,
    }
    let run: Run = Deserialize::deserialize(&event["workflow_run"])
        .map_err(|error| format!("workflow_run: {error}"))?;
    Ok(Finished {
        run: self::Run {
            id: run.id,
            attempt: run.attempt,
        },
        event: run.event,
        head: run.head_sha,
        head_branch: run.head_branch.unwrap_or_default(),
        head_repository: run.head_repository.full_name,
    })
}

fn text_of(event: &Value, path: &str) -> Option<String> {
    event.pointer(path)?.as_str().map(str::to_owned)
}
