//! Where we are: the job of a workflow, as the runner's environment describes it.

use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Error;
use super::event::{self, Trust};

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
    /// The name of the workflow, or the path of its file.
    pub workflow: String,
    /// The job's id in the workflow.
    pub id: String,
    /// The branch that others go to, where the event names it.
    pub default_branch: Option<String>,
    /// The commit that is judged: of a pull request its own, not the merge that is checked out.
    pub head: String,
    /// File of the job summary.
    pub summary: Option<PathBuf>,
    /// File of the step's outputs.
    pub outputs: Option<PathBuf>,
}

/// A run of a workflow; later ones are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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
    /// An event whose token may write, and which may bring code that nobody has looked at.
    Privileged {
        event: String,
        why: &'static str,
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
    /// Its name, or the path of its file.
    pub workflow: String,
    pub event: String,
    /// How it ended: `success`, `failure`, `cancelled` and others.
    pub conclusion: String,
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
    /// Publish what other jobs of this workflow measured, each a part of it.
    Merge,
}

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    Check,
    Refresh,
    Report,
    Merge,
}

impl Job {
    /// The job as the environment and the file of the event describe it.
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
        let text = |name| get(name).unwrap_or_default();
        let (workflow, id) = (text("GITHUB_WORKFLOW"), text("GITHUB_JOB"));
        let repository = get("GITHUB_REPOSITORY")?;
        let server = get("GITHUB_SERVER_URL").unwrap_or_else(|_| "https://github.com".into());
        Ok(Self {
            trigger,
            link: format!("{server}/{repository}/actions/runs/{}", run.id),
            repository,
            api: get("GITHUB_API_URL").unwrap_or_else(|_| "https://api.github.com".into()),
            run,
            workflow,
            id,
            default_branch: text_of(&event, "/repository/default_branch"),
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
            (Mode::Merge, _) => Task::Merge,
            (Mode::Check | Mode::Auto, _) => Task::Check,
        };
        match (task, &self.trigger) {
            (Task::Report, _) => Ok(task),
            (_, Trigger::Privileged { event, why }) => Err(Error::Privileged {
                event: event.clone(),
                why,
            }),
            (_, Trigger::WorkflowRun(_)) => Err(Error::Privileged {
                event: "workflow_run".into(),
                why: event::UNTRUSTED,
            }),
            (Task::Refresh, Trigger::DefaultBranch) | (Task::Check | Task::Merge, _) => Ok(task),
            (Task::Refresh, _) => Err(Error::NotTrusted {
                why: "this event is not of the default branch",
            }),
        }
    }

    /// The run that measured what this job speaks of.
    pub fn measured_by(&self) -> Run {
        match &self.trigger {
            Trigger::WorkflowRun(finished) => finished.run,
            _ => self.run,
        }
    }

    /// The name of the workflow that measured it.
    pub fn measured_in(&self) -> &str {
        match &self.trigger {
            Trigger::WorkflowRun(finished) => &finished.workflow,
            _ => &self.workflow,
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
    Ok(match event::trust(name) {
        Trust::Branch if is_default => Trigger::DefaultBranch,
        Trust::Branch | Trust::Tag => Trigger::Elsewhere,
        Trust::PullRequest => Trigger::PullRequest(pull_request(event)?),
        Trust::MergeGroup => Trigger::MergeGroup {
            base: text_of(event, "/merge_group/base_sha")
                .ok_or("it has no merge_group.base_sha")?,
        },
        Trust::WorkflowRun => Trigger::WorkflowRun(Box::new(finished(event)?)),
        Trust::None(why) => Trigger::Privileged {
            event: name.to_owned(),
            why,
        },
    })
}

fn pull_request(event: &Value) -> Result<PullRequest, String> {
    let of = |path| text_of(event, path);
    let number = event.pointer("/pull_request/number");
    let head = of("/pull_request/head/repo/full_name");
    let base = of("/pull_request/base/repo/full_name");
    Ok(PullRequest {
        number: number
            .and_then(Value::as_u64)
            .ok_or("it has no pull_request.number")?,
        // A fork that was deleted has no name any more.
        is_fork: head.is_none() || head != base,
        base: of("/pull_request/base/sha").ok_or("it has no pull_request.base.sha")?,
        base_branch: of("/pull_request/base/ref").unwrap_or("the base branch".into()),
    })
}

fn finished(event: &Value) -> Result<Finished, String> {
    #[derive(Deserialize)]
    struct Run {
        id: u64,
        #[serde(rename = "run_attempt")]
        attempt: u64,
        #[serde(default)]
        name: Option<String>,
        event: String,
        #[serde(default)]
        conclusion: Option<String>,
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
        workflow: run.name.unwrap_or_default(),
        event: run.event,
        conclusion: run.conclusion.unwrap_or_default(),
        head: run.head_sha,
        head_branch: run.head_branch.unwrap_or_default(),
        head_repository: run.head_repository.full_name,
    })
}

fn text_of(event: &Value, path: &str) -> Option<String> {
    event.pointer(path)?.as_str().map(str::to_owned)
}
